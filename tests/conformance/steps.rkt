#lang racket/base
;; steps.rkt: carries out a line of scenarios.txt.
(require racket/list racket/string "program.rkt")
(provide run-steps)

;; Of the running scenario: name -> number, and name -> object.
(define fds (make-hash))
(define kinds (make-hash))
(define objects (make-hash))

(define (fd name) (hash-ref fds name))
(define (put! name number [kind 'stream]) (hash-set! fds name number) (hash-set! kinds name kind))
(define (puts! names numbers) (for-each put! names numbers))
(define (object name) (hash-ref objects name #f))

;; What an object is now. A semaphore is given a moment, for posting is not immediate.
(define (state o)
  (cond
    [(not o) "none"]
    [(semaphore? o) (symbol->string (sema o))]
    [(or (input-port? o) (output-port? o)) (if (within? o) "ready" "idle")]
    [else (settle) (symbol->string (ready o))]))

(define (read-port p n)
  (define j (start (read-bytes n p)))
  (define got (outcome j))
  (when (eq? got 'blocked) (kill-thread (job-thread j)))
  (cond [(eof-object? got) "eof"]
        [(bytes? got) (format "~s" (bytes->string/latin-1 got))]
        [(exn? got) "error"]
        [else "blocked"]))

(define (close-port p) (if (input-port? p) (close-input-port p) (close-output-port p)))

;; Makes objects of these names; what is refused makes none, and is observed.
(define (make names call)
  (define made (caught (call-with-values call list)))
  (for ([name names] [n (in-naturals)])
    (hash-set! objects name (and (list? made) (list-ref made n))))
  (if (exn? made) "refused" #f))

(define (wrap in out number . modes)
  (define names (remove* '("-") (list in out)))
  (define directions (append (if (string=? in "-") '() '(read)) (if (string=? out "-") '() '(write))))
  (make names (lambda () (fd->port (fd number) number (append directions modes)))))

;; What a step opens; #f for one that opens nothing.
(define (step-open words)
  (define (arg n) (list-ref words n))
  (define (number n) (string->number (arg n)))
  (case (car words)
    [("pipe") (puts! (cdr words) (pipe)) #t]
    [("pair") (puts! (list (arg 1) (arg 2))
                     (socketpair (case (if (> (length words) 3) (arg 3) "stream") [("dgram") 2] [("seqpacket") 5] [else 1]))) #t]
    [("tcp") (puts! (cdr words) (make-tcp)) #t]
    [("listen") (put! (arg 1) (make-listener)) #t]
    [("connect") (put! (arg 2) (connect-to (fd (arg 1)))) #t]
    [("udp") (put! (arg 1) (make-udp)) #t]
    [("event") (put! (arg 1) (eventfd (number 2)) 'counter) #t]
    [("timer") (put! (arg 1) (make-timer #t) 'counter) #t]
    [("stopped") (put! (arg 1) (make-timer #f) 'counter) #t]
    [("memory") (put! (arg 1) (make-memory #"")) #t]
    [("file") (put! (arg 1) (make-memory (string->bytes/utf-8 (arg 2)))) #t]
    [("null") (put! (arg 1) (checked 'open (open #"/dev/null\0" O_RDWR))) #t]
    [("folder") (put! (arg 1) (checked 'open (open #"/\0" 0))) #t]
    [("opath") (put! (arg 1) (checked 'open (open #"/\0" O_PATH))) #t]
    [("signal") (put! (arg 1) (make-signalfd)) #t]
    [("pty") (puts! (cdr words) (make-pty)) #t]
    [("epoll") (put! (arg 1) (make-epoll (fd (arg 2)))) #t]
    [("dup") (put! (arg 2) (dup (fd (arg 1)))) #t]
    [else #f]))

;; What a step does to a descriptor; #f for one that does nothing.
(define (step-act words)
  (define (arg n) (list-ref words n))
  (define (number n) (string->number (arg n)))
  (define counter? (and (pair? (cdr words)) (eq? (hash-ref kinds (arg 1) #f) 'counter)))
  (case (car words)
    [("put")
     (define n (if (> (length words) 2) (number 2) 1))
     (if counter? (write (fd (arg 1)) (int64 1) 8) (write (fd (arg 1)) (make-bytes n 120) n))
     #t]
    [("drain") (take! (fd (arg 1)) (if counter? 8 1000000)) #t]
    [("take") (take! (fd (arg 1)) (number 2)) #t]
    [("fill") (fill! (fd (arg 1))) #t]
    [("close") (close (fd (arg 1))) (hash-remove! fds (arg 1)) #t]
    [("lose") (close (fd (arg 1))) #t]
    [("onto") (dup2 (fd (arg 1)) (fd (arg 2))) #t]
    [("leave") (hash-remove! fds (arg 1)) #t]
    [("half") (shutdown (fd (arg 1)) (case (arg 2) [("read") 0] [("write") 1] [else 2])) #t]
    [("reset") (reset! (fd (arg 1))) (hash-remove! fds (arg 1)) #t]
    [else #f]))

;; One step; what it observed, or #f.
(define (step words)
  (define (arg n) (list-ref words n))
  (define (number n) (string->number (arg n)))
  (define (object-by call) (make (list (arg 1)) (lambda () (call (fd (arg 2)) (string->symbol (arg 3))))))
  (cond
    [(or (step-open words) (step-act words)) #f]
    [else
     (case (car words)
       [("sem") (object-by fd->semaphore)]
       [("ssem") (object-by socket->semaphore)]
       [("evt") (object-by fd->evt)]
       [("unsem") (if (fd->semaphore (fd (arg 1)) 'remove) "object" "none")]
       [("unevt") (if (fd->evt (fd (arg 1)) 'remove) "object" "none")]
       [("wrap") (wrap (arg 1) (arg 2) (arg 3))]
       [("wrapfile") (wrap (arg 1) (arg 2) (arg 3) 'regular-file)]
       [("shut") (close-port (object (arg 1))) #f]
       [("see") (string-append "(" (string-join (map (lambda (n) (state (object n))) (cdr words)) ",") ")")]
       [("same") (cond [(not (object (arg 2))) "none"] [(eq? (object (arg 1)) (object (arg 2))) "same"] [else "new"])]
       [("read") (read-port (object (arg 1)) (number 2))]
       [("write") (write-string (arg 2) (object (arg 1))) (flush-output (object (arg 1))) #f]
       [("number") (cond [(not (object (arg 1))) "none"] [(= (port->fd (object (arg 1))) (fd (arg 2))) "yes"] [else "no"])]
       [else (error 'steps "no step ~a" words)])]))

(define (clean-up)
  (for ([o (in-hash-values objects)] #:when (or (input-port? o) (output-port? o)))
    (caught (close-port o)))
  (for ([number (in-hash-values fds)])
    (caught (fd->semaphore number 'remove))
    (caught (fd->evt number 'remove))
    (close number))
  (for ([table (list fds kinds objects)]) (hash-clear! table)))

(define (run-steps steps)
  (define answer
    (caught (string-join (filter values (for/list ([text (string-split steps ";")]) (step (string-split text)))) " ")))
  (clean-up)
  (if (exn? answer) (string-append "STOPPED " (show answer)) answer))
