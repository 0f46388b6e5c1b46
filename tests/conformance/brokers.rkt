#lang racket/base
;; brokers.rkt: the brokers of lost.rkt and quiet.rkt. PORTD_DAEMON is the broker to start, PORTD_ADDRESS where; the one argument of the program is
;; the library. A program that fails ends its brokers.
(require "program.rkt")
(provide start-broker kill-broker with-broker give-up expect)

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
