#lang racket/base
;; run.rkt: carries out scenarios.txt and prints `ID<TAB>observations` lines.
;;
;;   racket run.rkt                  on Racket's own ffi/unsafe/port: these are the answers that recorded.tsv keeps
;;   racket run.rkt PATH [ID ...]    on another implementation of the seven procedures, e.g. client/racket/port.rkt
(require racket/string racket/runtime-path "system.rkt")

(define-runtime-path scenarios "scenarios.txt")
(define arguments (vector->list (current-command-line-arguments)))
(define library (if (null? arguments) 'ffi/unsafe/port (list 'file (path->string (path->complete-path (car arguments))))))
(define only (if (null? arguments) '() (cdr arguments)))
(define (procedure name) (dynamic-require library name))
(define fd->semaphore (procedure 'unsafe-file-descriptor->semaphore))
(define socket->semaphore (procedure 'unsafe-socket->semaphore))
(define fd->evt (procedure 'unsafe-fd->evt))
(define fd->port (procedure 'unsafe-file-descriptor->port))
(define port->fd (procedure 'unsafe-port->file-descriptor))

;; Of the running scenario: name -> number, and name -> object.
(define fds (make-hash))
(define kinds (make-hash))
(define objects (make-hash))

(define (fd name) (hash-ref fds name))
(define (put! name number [kind 'stream]) (hash-set! fds name number) (hash-set! kinds name kind))
(define (puts! names numbers) (for-each put! names numbers))
(define (object name) (hash-ref objects name))

(define rounds 4)
(define pause 0.02)

;; What an object is now. A semaphore is given a moment, for posting is not immediate.
(define (state o)
  (define (within? e) (for/or ([_ rounds]) (and (sync/timeout pause e) #t)))
  (cond
    [(not o) "none"]
    [(semaphore? o) (if (within? (semaphore-peek-evt o)) "fired" "idle")]
    [(or (input-port? o) (output-port? o)) (if (within? o) "ready" "idle")]
    [else (settle) (if (sync/timeout 0 o) "ready" "idle")]))

(define (settle) (for ([_ rounds]) (sync/timeout (/ pause rounds) never-evt)))

(define (read-port p n)
  (define result #f)
  (define reader (thread (lambda () (set! result (read-bytes n p)))))
  (cond
    [(sync/timeout 2 reader) (if (eof-object? result) "eof" (format "~s" (bytes->string/latin-1 result)))]
    [else (kill-thread reader) "blocked"]))

(define (shut! p) (if (input-port? p) (close-input-port p) (close-output-port p)))

;; One step; what it observed, or #f.
(define (step words)
  (define (arg n) (list-ref words n))
  (define (number n) (string->number (arg n)))
  (case (car words)
    [("pipe") (puts! (cdr words) (pipe)) #f]
    [("pair") (puts! (list (arg 1) (arg 2))
                     (socketpair (case (if (> (length words) 3) (arg 3) "stream") [("dgram") 2] [("seqpacket") 5] [else 1]))) #f]
    [("tcp") (puts! (cdr words) (make-tcp)) #f]
    [("listen") (put! (arg 1) (make-listener)) #f]
    [("connect") (put! (arg 2) (connect-to (fd (arg 1)))) #f]
    [("udp") (put! (arg 1) (make-udp)) #f]
    [("event") (put! (arg 1) (eventfd (number 2)) 'counter) #f]
    [("timer") (put! (arg 1) (make-timer #t) 'counter) #f]
    [("stopped") (put! (arg 1) (make-timer #f) 'counter) #f]
    [("memory") (put! (arg 1) (make-memory #"")) #f]
    [("null") (put! (arg 1) (checked 'open (open #"/dev/null\0" O_RDWR))) #f]
    [("pty") (puts! (cdr words) (make-pty)) #f]
    [("epoll") (put! (arg 1) (make-epoll (fd (arg 2)))) #f]
    [("file") (put! (arg 1) (make-memory (string->bytes/utf-8 (arg 2)))) #f]
    [("dup") (put! (arg 2) (dup (fd (arg 1)))) #f]
    [("put")
     (define n (if (> (length words) 2) (number 2) 1))
     (if (eq? (hash-ref kinds (arg 1)) 'counter)
         (write (fd (arg 1)) (int64 1) 8)
         (write (fd (arg 1)) (make-bytes n 120) n))
     #f]
    [("drain") (take! (fd (arg 1)) (if (eq? (hash-ref kinds (arg 1)) 'counter) 8 1000000)) #f]
    [("take") (take! (fd (arg 1)) (number 2)) #f]
    [("fill") (fill! (fd (arg 1))) #f]
    [("close") (close (fd (arg 1))) (hash-remove! fds (arg 1)) #f]
    [("leave") (hash-remove! fds (arg 1)) #f]
    [("half") (shutdown (fd (arg 1)) (case (arg 2) [("read") 0] [("write") 1] [else 2])) #f]
    [("reset") (reset! (fd (arg 1))) (hash-remove! fds (arg 1)) #f]
    [("sem") (hash-set! objects (arg 1) (fd->semaphore (fd (arg 2)) (string->symbol (arg 3)))) #f]
    [("ssem") (hash-set! objects (arg 1) (socket->semaphore (fd (arg 2)) (string->symbol (arg 3)))) #f]
    [("evt") (hash-set! objects (arg 1) (fd->evt (fd (arg 2)) (string->symbol (arg 3)))) #f]
    [("unsem") (if (fd->semaphore (fd (arg 1)) 'remove) "object" "none")]
    [("unevt") (if (fd->evt (fd (arg 1)) 'remove) "object" "none")]
    [("wrap")
     (define modes (append (if (string=? (arg 1) "-") '() '(read)) (if (string=? (arg 2) "-") '() '(write))))
     (define ports (call-with-values (lambda () (fd->port (fd (arg 3)) (arg 3) modes)) list))
     (for ([name (filter (lambda (n) (not (string=? n "-"))) (list (arg 1) (arg 2)))] [p ports])
       (hash-set! objects name p))
     #f]
    [("shut") (shut! (object (arg 1))) #f]
    [("see") (string-append "(" (string-join (map (lambda (n) (state (object n))) (cdr words)) ",") ")")]
    [("same") (cond [(not (object (arg 2))) "none"] [(eq? (object (arg 1)) (object (arg 2))) "same"] [else "new"])]
    [("read") (read-port (object (arg 1)) (number 2))]
    [("write") (write-string (arg 2) (object (arg 1))) (flush-output (object (arg 1))) #f]
    [("number") (if (= (port->fd (object (arg 1))) (fd (arg 2))) "yes" "no")]
    [else (error 'run "no step ~a" words)]))

(define (clean-up)
  (for ([o (in-hash-values objects)] #:when (or (input-port? o) (output-port? o)))
    (with-handlers ([exn:fail? void]) (shut! o)))
  (for ([number (in-hash-values fds)])
    (fd->semaphore number 'remove)
    (fd->evt number 'remove)
    (close number))
  (hash-clear! fds)
  (hash-clear! objects))

(define (run steps)
  (define seen
    (for/list ([text (string-split steps ";")])
      (step (string-split text))))
  (string-join (filter values seen) " "))

(for ([line (call-with-input-file scenarios (lambda (in) (for/list ([l (in-lines in)]) l)))]
      #:unless (or (string=? line "") (char=? (string-ref line 0) #\#)))
  (define parts (regexp-match #rx"^([^:]+): (.*)$" line))
  (when (or (null? only) (member (cadr parts) only))
    (printf "~a\t~a\n" (cadr parts)
            (with-handlers ([exn:fail? (lambda (e) (format "error: ~a" (car (string-split (exn-message e) "\n"))))])
              (run (caddr parts))))
    (flush-output)
    (clean-up)))
