#lang racket/base
;; lost.rkt: what becomes of semaphores, events and ports when their broker is killed: threads that wait for them wake, and later calls find the
;; next broker. Not a scenario of Racket's: it has no broker to lose.
;;
;;   racket lost.rkt LIBRARY      PORTD_DAEMON is the broker to start, PORTD_ADDRESS where
(require "program.rkt")

(library (list 'file (path->string (path->complete-path (vector-ref (current-command-line-arguments) 0)))))
(patience 5)

(define brokers '())
(define (give-up text)
  (for ([broker brokers]) (subprocess-kill broker #t))
  (eprintf "~a\n" text)
  (exit 1))
(uncaught-exception-handler (lambda (e) (give-up (if (exn? e) (exn-message e) e))))

(define (start-broker)
  (define-values (broker out in err)
    (subprocess (current-output-port) #f (current-error-port) (getenv "PORTD_DAEMON") "--listen" (getenv "PORTD_ADDRESS")))
  (close-output-port in)
  (set! brokers (cons broker brokers))
  broker)
(define (kill-broker broker)
  (subprocess-kill broker #t)
  (subprocess-wait broker))

;; What it answers once a broker is there.
(define-syntax-rule (with-broker e)
  (let loop ([tries 500])
    (define answer (caught e))
    (if (and (exn? answer) (positive? tries)) (begin (sleep 0.01) (loop (sub1 tries))) answer)))

(define (expect what seen right)
  (unless (equal? seen right) (give-up (format "~a: ~s and not ~s" what seen right))))

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
