#lang racket/base
;; program.rkt: scenarios that are programs of Racket, for what the steps of scenarios.txt cannot say: threads, custodians, events of
;; racket/port, texts of errors. A program takes the seven procedures from `library`, opens descriptors with system.rkt, and calls `see` for
;; each thing that it observes. One that is marked alone stops or ends a process of Racket: it is recorded in a process of its own.
(require racket/list racket/string "system.rkt")
(provide (all-defined-out) (all-from-out "system.rkt"))

;; ---- the procedures under test

(define library (make-parameter 'ffi/unsafe/port))
(define-syntax-rule (define-procedures [name original] ...)
  (begin (define (name . arguments) (apply (dynamic-require (library) 'original) arguments)) ...))
(define-procedures
  [fd->port unsafe-file-descriptor->port]
  [socket->port unsafe-socket->port]
  [port->fd unsafe-port->file-descriptor]
  [port->socket unsafe-port->socket]
  [fd->semaphore unsafe-file-descriptor->semaphore]
  [socket->semaphore unsafe-socket->semaphore]
  [fd->evt unsafe-fd->evt])

;; ---- programs

(struct program (id alone? body))
(define programs '()) ; the last one first
(define (add-program! id alone? body) (set! programs (cons (program (symbol->string id) alone? body) programs)))
(define-syntax-rule (define-program id body ...) (add-program! 'id #f (lambda () body ... (void))))
(define-syntax-rule (define-program-alone id body ...) (add-program! 'id #t (lambda () body ... (void))))

(define seen '())
(define (see . things) (set! seen (append (reverse (map show things)) seen)))

(define (show v)
  (cond
    [(eq? v #t) "yes"]
    [(eq? v #f) "no"]
    [(void? v) "void"]
    [(eof-object? v) "eof"]
    [(exn? v) (format "[~a: ~a]" (substring (symbol->string (vector-ref (struct->vector v) 0)) 7) (string-join (string-split (exn-message v) #px"\\s*\n\\s*") "; "))]
    [(list? v) (string-append "(" (string-join (map show v) ",") ")")]
    [(or (string? v) (bytes? v)) (format "~s" v)]
    [else (format "~a" v)]))

;; What an expression answers, or what it raises.
(define-syntax-rule (caught e) (with-handlers ([exn? values]) e))

;; ---- time. A machine that is busy gets more of it.

(define patience (make-parameter 1))
(define rounds 3)
(define round-seconds 0.015)
(define (settle) (for ([_ rounds]) (sync/timeout (* (patience) round-seconds) never-evt)))
(define (within? evt) (for/or ([_ rounds]) (and (sync/timeout (* (patience) round-seconds) evt) #t)))
(define (soon? evt) (and (sync/timeout (* (patience) 2) evt) #t))

(define (sema s) (cond [(not s) 'none] [(within? (semaphore-peek-evt s)) 'fired] [else 'idle]))
(define (ready e) (cond [(not e) 'none] [(sync/timeout 0 e) 'ready] [else 'idle]))

;; A thread for an expression: `after` waits a little and answers what it has answered, or blocked.
(struct job (thread box))
(define-syntax-rule (start e)
  (let ([answer (box #f)]) (job (thread (lambda () (set-box! answer (caught e)))) answer)))
(define (after j) (if (within? (job-thread j)) (unbox (job-box j)) 'blocked))
(define (outcome j) (if (soon? (job-thread j)) (unbox (job-box j)) 'blocked))

;; ---- descriptors: closed, and unregistered, when the program has ended

(define opened '())
(define (keep . fds) (set! opened (append fds opened)) (apply values fds))
(define (gone . fds) (set! opened (remove* fds opened)))
(define (shut fd) (gone fd) (close fd))
(define (ends-of pair) (apply keep pair))
(define (new-pipe) (ends-of (pipe)))
(define (new-pair [type 1]) (ends-of (socketpair type)))
(define (new-tcp) (ends-of (make-tcp)))
(define (new-pty) (ends-of (make-pty)))
(define (new-dup fd) (keep (dup fd)))
(define (put fd [text #"x"]) (write fd text (bytes-length text)))
;; What can be read now: bytes, eof, or none.
(define (get fd [most 100000])
  (cond
    [(zero? (poll-for fd 1 0)) 'none]
    [else
     (define bytes (make-bytes most))
     (define n (read fd bytes most))
     (cond [(negative? n) 'error] [(zero? n) eof] [else (subbytes bytes 0 n)])]))
(define (open? fd) (>= (fcntl fd 3 0) 0))

(define (in-port fd [name 'p]) (fd->port fd name '(read)))
(define (out-port fd [name 'p]) (fd->port fd name '(write)))

(define (run-program p)
  (define custodian (make-custodian))
  (set! seen '())
  (define failed (parameterize ([current-custodian custodian]) (caught ((program-body p)))))
  (when (exn? failed) (see 'STOPPED failed))
  (define answer (string-join (reverse seen) " "))
  (for ([fd opened])
    (with-handlers ([exn:fail? void])
      (fd->semaphore fd 'remove)
      (fd->evt fd 'remove)))
  (custodian-shutdown-all custodian)
  (for ([fd opened]) (close fd))
  (set! opened '())
  answer)
