#lang racket/base
;; lost.rkt: what becomes of semaphores, events and ports when their broker is killed: threads that wait for them wake, and later calls find the
;; next broker. Not a scenario of Racket's: it has no broker to lose.
;;
;;   racket lost.rkt LIBRARY
(require "brokers.rkt" "program.rkt")

(define-values (r w) (new-pipe))
(define-values (r2 w2) (new-pipe))
(fill! w2)

(define first (start-broker))
(define s (with-broker (fd->semaphore r 'read)))
(define e (fd->evt r 'read))
(define i (in-port r))
(define o (out-port w2))
(file-stream-buffer-mode o 'none)
(define jobs
  (list (start (begin (semaphore-wait s) 'woke)) (start (begin (sync e) 'woke)) (start (exn:fail? (caught (read-byte i))))
        (start (exn:fail? (caught (write-byte 65 o)))) (start (begin (sync i) 'woke))))
(expect "before" (map after jobs) '(blocked blocked blocked blocked blocked))
(kill-broker first)
(expect "lost" (map outcome jobs) '(woke woke #t #t woke))
(expect "ports of the lost broker close" (list (close-input-port i) (close-output-port o) (open? r)) (list (void) (void) #f))
(gone r w2)

(define-values (r3 w3) (new-pipe))
(define second (start-broker))
(define t (with-broker (fd->semaphore r3 'read)))
(expect "found again" (list (sema t) (ready (fd->evt r3 'read))) '(idle idle))
(put w3)
(expect "works again" (list (soon? t) (ready (fd->evt r3 'read)) (read-byte (in-port r3))) (list #t 'ready 120))
(kill-broker second)
(displayln "threads that waited woke, and the next broker was found")
