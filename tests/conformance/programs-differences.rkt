#lang racket/base
;; programs-differences.rkt: where portd answers otherwise than Racket; DIFFERENCES.md says why. Those that the steps of scenarios.txt can
;; say are there.
(require racket/place racket/tcp "program.rkt")

;; ---- arguments

(define-program unknown-mode
  (define-values (r w) (new-pipe))
  (define s (fd->semaphore r 'read))
  (see (caught (fd->semaphore r 'foo)) (sema s) (eq? s (fd->semaphore r 'check-read))))

(define-program unlisted-mode-of-events
  (define-values (r w) (new-pipe))
  (fd->evt r 'read)
  (see (list? (caught (fd->evt r 'internal-debug)))))

(define-program impossible-number
  (define (kind v) (if (exn? v) 'refused v))
  (see (kind (caught (fd->semaphore -1 'check-read))) (kind (caught (fd->evt -1 'check-write))) (sema (caught* (fd->semaphore -1 'read)))
       (ready (caught* (fd->evt -1 'read))) (kind (caught (fd->evt -1 'remove))) (kind (caught (fd->semaphore -1 'remove)))
       (let ([p (caught (fd->port -1 'p '(read)))]) (if (input-port? p) 'port p))))
(define-syntax-rule (caught* e) (with-handlers ([exn:fail? (lambda (_) #f)]) e))

(define-program number-of-33-bits-evt
  (define-values (r w) (new-pipe))
  (put w)
  (see (ready (caught* (fd->evt (+ r (expt 2 32)) 'read)))))

(define-program-alone number-of-33-bits-sem
  (define-values (r w) (new-pipe))
  (put w)
  (see (sema (caught* (fd->semaphore (+ r (expt 2 32)) 'read)))))

(define-program number-of-71-bits
  (see (let ([e (caught (fd->evt (expt 2 70) 'read))]) (if (exn? e) e 'evt))
       (let ([p (caught (fd->port (expt 2 70) 'n '(read)))]) (if (input-port? p) 'port p))))

(define-program modes-without-direction
  (define-values (r w) (new-pipe))
  (see (caught (fd->port r 'p '())) (caught (fd->port r 'p '(text)))))

(define-program modes-unknown
  (define-values (r w) (new-pipe))
  (define (kind v) (if (input-port? v) 'input v))
  (see (kind (caught (fd->port (dup r) 'p '(read foo)))) (kind (caught (fd->port (dup r) 'p '(read no-close)))) (kind (caught (fd->port (dup r) 'p '(read 7))))))

(define-program-alone socket-modes-unknown
  (define-values (c s) (new-tcp))
  (see (let ([answer (caught (call-with-values (lambda () (socket->port (dup c) #"p" '(foo))) list))]) (if (list? answer) 'ports answer))))

;; ---- socket ports

(define-program-alone socket-call
  (define-values (c s) (new-tcp))
  (define-values (i o) (socket->port c #"c" '()))
  (put s #"x")
  (see (read-byte i)))

(define-program tcp-only-procedures
  (define-values (i o s)
    (let* ([l (make-listener)]
           [ports (call-with-values (lambda ()
                                      (if (eq? (library) 'ffi/unsafe/port)
                                          (tcp-connect "127.0.0.1" (port-of l))
                                          (socket->port (connect-to l) #"tcp" '())))
                                    list)])
      (values (car ports) (cadr ports) (keep (accept l)))))
  (see (tcp-port? i) (let ([a (caught (call-with-values (lambda () (tcp-addresses i)) list))]) (if (exn? a) 'refused a))
       (let ([a (caught (tcp-abandon-port o))]) (if (exn? a) 'refused a))))

;; ---- ports that are none of Racket's own

(define-program kinds-of-custom-ports
  (define-values (r w) (new-pipe))
  (define-values (m s) (new-pty))
  (define i (in-port r))
  (define o (out-port s))
  (see (file-stream-port? i) (file-stream-port? o) (terminal-port? i) (terminal-port? o)))

(define-program file-calls-of-custom-ports
  (define fd (keep (make-memory #"content")))
  (define-values (i o) (fd->port fd 'f '(read write)))
  (define (done v) (if (exn? v) 'refused 'done))
  (see (done (caught (file-position i 3))) (done (caught (file-position o 3))) (done (caught (port-file-identity i))) (done (caught (file-truncate o 2)))
       (done (caught (port-try-file-lock? i 'shared))) (if (place-message-allowed? i) 'done 'refused)))

(define-program position-of-device
  (define o (out-port (keep (open #"/dev/null\0" O_RDWR))))
  (write-bytes #"abc" o)
  (flush-output o)
  (see (file-position o)))

(define-program custom-port-for-a-program
  (define-values (r w) (new-pipe))
  (define o (out-port w))
  (define child
    (caught (let-values ([(child out in err) (subprocess o #f #f "/bin/echo" "hi")])
              (subprocess-wait child)
              (close-output-port in)
              (close-input-port err)
              child)))
  (see (if (exn? child) 'refused 'done) (get r)))

(define-program byte-ready-takes
  (define-values (r w) (new-pipe))
  (define i (in-port r))
  (put w #"abc")
  (see (byte-ready? i) (get r)))

(define-program closed-port-number
  (define-values (r w) (new-pipe))
  (define i (in-port r))
  (close-input-port i)
  (see (let ([n (caught (port->fd i))]) (if (exn? n) n 'undefined))))

;; ---- where Racket does what it should not

(define-program own-waits
  (define-values (r w) (new-pipe))
  (define p (in-port r))
  (define j (start (read-byte p)))
  (see (after j) (if (fd->semaphore r 'check-read) 'shown 'none))
  (put w)
  (see (outcome j)))

(define-program first-close-wakes-its-own
  (define-values (a b) (new-pair))
  (define-values (i o) (fd->port a 'p '(read write)))
  (define j (start (read-byte i)))
  (define k (start (eq? i (sync i))))
  (settle)
  (close-input-port i)
  (see (outcome j) (outcome k))
  (close-output-port o)
  (gone a))

(define-program-alone write-evt-of-full-port
  (define-values (r w) (new-pipe))
  (define o (out-port w))
  (fill! w)
  (file-stream-buffer-mode o 'none)
  (see (caught (sync/timeout 0 (write-bytes-avail-evt #"x" o))))
  (define j (start (sync (write-bytes-avail-evt #"late" o))))
  (see (after j))
  (let loop () (unless (eq? (get r) 'none) (loop)))
  (see (outcome j) (get r)))

(define-program write-after-custodian
  (define c (make-custodian))
  (define-values (r w) (new-pipe))
  (define o (parameterize ([current-custodian c]) (out-port w)))
  (write-bytes #"kept" o)
  (custodian-shutdown-all c)
  (gone w)
  (see (caught (write-bytes #"more" o))))

(define-program close-blocked-then-custodian
  (define c (make-custodian))
  (define-values (r w) (new-pipe))
  (define o (parameterize ([current-custodian c]) (out-port w)))
  (fill! w)
  (write-bytes #"tail" o)
  (define j (start (close-output-port o)))
  (see (after j))
  (custodian-shutdown-all c)
  (gone w)
  (see (outcome j) (port-closed? o)))

(define-program posted-at-once
  (define-values (r w) (new-pipe))
  (define s (fd->semaphore r 'read))
  (put w)
  (see (if (fd->semaphore r 'check-read) 'registered 'fired)))
