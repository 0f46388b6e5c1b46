#lang racket/base
;; quiet.rkt: threads that wait for events, ports and semaphores cost the broker no request while nothing happens, however often Racket looks at
;; them; what happens then wakes them.
;;
;;   racket quiet.rkt LIBRARY      PORTCTL is the command that counts
(require json racket/list racket/port "brokers.rkt" "program.rkt")

(define n 10) ; of each kind
(define looks 200)

;; How many requests the broker has received. The count itself takes some, always the same number.
(define (requests)
  (define-values (child out in err) (subprocess #f #f (current-error-port) (getenv "PORTCTL") "stats" "--json"))
  (close-output-port in)
  (define rows (with-input-from-string (port->string out) read-json))
  (close-input-port out)
  (subprocess-wait child)
  (for/sum ([row rows] #:when (equal? (hash-ref row 'name) "requests")) (hash-ref row 'value)))

(define broker (start-broker))
(define pipes (for/list ([_ (* 3 n)]) (call-with-values new-pipe list)))
(define-values (of-semaphores others) (split-at pipes n))
(define-values (of-events of-ports) (split-at others n))
(expect "a broker" (exn? (with-broker (fd->semaphore (caar pipes) 'read))) #f)

(define ports (for/list ([p of-ports]) (in-port (car p))))
(define jobs
  (append (for/list ([p of-semaphores]) (define s (fd->semaphore (car p) 'read)) (start (begin (semaphore-wait s) 'woke)))
          (for/list ([p of-events]) (define e (fd->evt (car p) 'read)) (start (begin (sync e) 'woke)))
          (for/list ([p ports]) (start (begin (read-byte p) 'woke)))))
(expect "before" (remove-duplicates (map after jobs)) '(blocked))

;; Until all have begun to wait, two counts in a row differ by more than a count takes.
(define (quiet-cost)
  (let loop ([tries 100])
    (define a (requests))
    (define b (requests))
    (define c (requests))
    (cond [(= (- b a) (- c b)) (- c b)]
          [(zero? tries) (give-up "the counts never agree")]
          [else (loop (sub1 tries))])))
(define cost (quiet-cost))
(define before (requests))
(for ([_ looks]) (sleep 0))
(expect "requests while nothing happens" (- (requests) before cost) 0)

(for ([p pipes]) (put (cadr p)))
(expect "after" (remove-duplicates (map outcome jobs)) '(woke))
(for ([p ports] [pair of-ports])
  (close-input-port p)
  (gone (car pair)))
(kill-broker broker)
(displayln "threads that waited cost no request")
