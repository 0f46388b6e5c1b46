#lang racket/base
;; programs-sockets.rkt: TCP, UDP and Unix sockets, listeners, connections on their way, what peers do to each other; and arguments.
(require racket/list racket/tcp "program.rkt")

(define-program connect-on-its-way
  ;; refused: both directions end; accepted: writable
  (define l (keep (make-listener)))
  (define c (keep (connect-to l)))
  (see (sema (fd->semaphore c 'write)) (sema (fd->semaphore c 'read)) (ready (fd->evt l 'read)))
  (define m (make-listener))
  (define nobody (port-of m))
  (close m)
  (define d (keep (connect-slowly nobody)))
  (see (sema (fd->semaphore d 'write)) (ready (fd->evt d 'read)) (ready (fd->evt d 'write)) (sema (fd->semaphore d 'read)))
  (define-values (i o) (fd->port d 'd '(read write)))
  (see (caught (read-byte i)) (caught (read-byte i))))

(define-program listener-and-accept
  (define l (keep (make-listener)))
  (define e (fd->evt l 'read))
  (define s (fd->semaphore l 'read))
  (define j (start (eq? e (sync e))))
  (see (after j) (sema s))
  (define c (keep (connect-to l)))
  (see (outcome j) (sema s))
  (define a (keep (accept l)))
  (see (ready e) (sema (fd->semaphore l 'read)) (ready (fd->evt l 'write))))

(define-program listener-shut-down
  (define l (keep (make-listener)))
  (define jobs (for/list ([e (list (fd->evt l 'read) (fd->semaphore l 'read) (fd->semaphore l 'write))]) (start (begin (sync e) 'told))))
  (see (map after jobs))
  (shutdown l 0)
  (see (map outcome jobs)))

(define-program unix-listener
  (define-values (l path) (make-unix-listener))
  (keep l)
  (define s (fd->semaphore l 'read))
  (see (sema s) (ready (fd->evt l 'read)))
  (define c (keep (connect-unix path)))
  (see (sema s) (ready (fd->evt l 'read)))
  (define a (keep (accept l)))
  (define-values (i o) (fd->port a 'a '(read write)))
  (define p (in-port c))
  (write-bytes #"hello" o)
  (flush-output o)
  (see (read-bytes 5 p) (ready (fd->evt l 'read))))

(define-program tcp-file-call
  ;; wrapped as a file descriptor: closing one port shuts nothing down
  (define-values (c s) (new-tcp))
  (define-values (i o) (fd->port c 'c '(read write)))
  (write-bytes #"ping" o)
  (close-output-port o)
  (see (wait-for s) (get s) (ready (fd->evt s 'read)))
  (put s #"pong")
  (see (read-bytes 4 i) (port->socket i))
  (close-input-port i)
  (gone c)
  (see (wait-for s) (get s)))

(define-program tcp-reset
  (define-values (c s) (new-tcp))
  (define-values (i o) (fd->port c 'c '(read write)))
  (define j (start (read-byte i)))
  (see (after j))
  (reset! s)
  (gone s)
  (see (outcome j) (read-byte i) (caught (begin (write-bytes #"x" o) (flush-output o)))))

(define-program tcp-closed-by-peer
  (define-values (c s) (new-tcp))
  (define-values (i o) (fd->port c 'c '(read write)))
  (put s #"last")
  (shut s)
  (see (read-bytes 4 i) (read-byte i) (ready o))
  (write-bytes #"one" o)
  (flush-output o)
  (wait-for c 0)
  (define (failing n) (or (for/or ([_ n]) (define e (caught (begin (write-bytes #"two" o) (flush-output o)))) (settle) (and (exn? e) e)) 'none))
  (see (failing 20)))

(define-program tcp-data-then-reset
  (define-values (c s) (new-tcp))
  (define i (in-port c))
  (put s #"abc")
  (see (peek-byte i))
  (reset! s)
  (gone s)
  (wait-for c 0)
  (see (read-bytes 3 i) (caught (read-byte i)) (read-byte i)))

(define-program tcp-out-of-band
  (define-values (c s) (new-tcp))
  (define e (fd->evt c 'read))
  (define z (fd->semaphore c 'read))
  (send-urgent s)
  (see (sema z) (ready e))
  (put s #"b")
  (see (wait-for c) (sema z) (ready e)))

(define-program udp-datagrams
  (define-values (a b) (make-udp-pair))
  (keep a b)
  (define-values (i o) (fd->port a 'a '(read write)))
  (see (ready i) (ready o))
  (put b #"first")
  (put b #"second")
  (see (wait-for a) (read-bytes 3 i) (read-bytes-avail!* (make-bytes 10) i) (read-bytes 6 i))
  (write-bytes #"answer" o)
  (flush-output o)
  (see (wait-for b) (get b))
  (put b #"")
  (see (wait-for a) (read-byte i)))

(define-program udp-refused
  (define-values (a b) (make-udp-pair))
  (keep a b)
  (define e (fd->evt a 'read))
  (define s (fd->semaphore a 'read))
  (define-values (i o) (fd->port a 'a '(read write)))
  (see (ready e) (sema s))
  (shut b)
  (write-bytes #"x" o)
  (flush-output o)
  (see (soon? s) (ready e) (caught (read-byte i)) (ready e)))

(define-program datagrams-cut
  (define-values (a b) (new-pair 2))
  (define i (in-port a))
  (put b (make-bytes 5000 97))
  (put b #"next")
  (see (bytes-length (read-bytes 4096 i)) (read-bytes 4 i))
  (file-stream-buffer-mode i 'none)
  (put b #"abc")
  (put b #"def")
  (see (read-byte i) (read-byte i)))

(define-program seqpacket-records
  (define-values (a b) (new-pair 5))
  (define-values (i o) (fd->port a 'a '(read write)))
  (write-bytes #"one" o)
  (flush-output o)
  (write-bytes #"two" o)
  (flush-output o)
  (see (get b) (get b))
  (put b #"12")
  (put b #"34")
  (see (read-bytes 4 i))
  (shut b)
  (see (read-byte i)))

(define-program unconnected
  (define u (keep (socket 2 1)))
  (define-values (i o) (fd->port u 'u '(read write)))
  (see (ready (fd->evt u 'read)) (sema (fd->semaphore u 'write)) (ready i) (caught (read-byte i)) (caught (begin (write-byte 1 o) (flush-output o)))))

;; ---- socket ports: where the library is Racket's own, its TCP ports stand for what unsafe-socket->port cannot do in 8.7

;; A connection: both ports of one end, and the number of the other.
(define (socket-ports)
  (define l (make-listener))
  (define-values (i o)
    (if (eq? (library) 'ffi/unsafe/port)
        (tcp-connect "127.0.0.1" (port-of l))
        (socket->port (connect-to l) #"127.0.0.1" '())))
  (define s (keep (accept l)))
  (close l)
  (values i o s))

(define-program socket-bytes
  (define-values (i o s) (socket-ports))
  (write-bytes #"ping" o)
  (see (get s) (file-stream-buffer-mode o) (file-stream-buffer-mode i))
  (flush-output o)
  (see (wait-for s) (get s))
  (put s #"pong")
  (see (read-bytes 4 i) (file-position i) (file-position o))
  (see (= (port->socket i) (port->socket o)) (= (port->fd i) (port->socket i)) (file-stream-port? i) (terminal-port? o) (port-writes-atomic? o)))

(define-program socket-addresses
  (define-values (i o s) (socket-ports))
  (define (addresses p)
    (call-with-values (lambda () (if (eq? (library) 'ffi/unsafe/port) (tcp-addresses p #t) ((dynamic-require (library) 'port-addresses) p))) list))
  (define-values (host port peer-host peer-port) (apply values (addresses i)))
  (see host peer-host (= peer-port (port-of s)) (exact-positive-integer? port) (equal? (addresses i) (addresses o)))
  (close-output-port o)
  (see (exn:fail? (caught (addresses o))) (exn:fail? (caught (addresses 7))) (= port (cadr (addresses i)))))

(define-program socket-close-output
  ;; the peer sees the end although the input port is open
  (define-values (i o s) (socket-ports))
  (write-bytes #"bye" o)
  (close-output-port o)
  (see (wait-for s) (get s) (wait-for s) (get s))
  (put s #"still")
  (see (read-bytes 5 i) (caught (write-byte 1 o)))
  (close-input-port i)
  (see (port-closed? i)))

(define-program socket-close-input
  (define-values (i o s) (socket-ports))
  (close-input-port i)
  (write-bytes #"more" o)
  (flush-output o)
  (see (wait-for s) (get s) (wait-for s 0))
  (close-output-port o)
  (see (wait-for s) (get s)))

(define-program socket-reset
  (define-values (i o s) (socket-ports))
  (define j (start (read-byte i)))
  (see (after j))
  (reset! s)
  (gone s)
  (see (outcome j) (caught (begin (write-byte 1 o) (flush-output o)))))

(define-program socket-not-flushed-by-plumber
  (define-values (i o s) (socket-ports))
  (write-bytes #"kept" o)
  (plumber-flush-all (current-plumber))
  (see (wait-for s 0) (get s)))

(define-program socket-custodian
  (define c (make-custodian))
  (define-values (i o s) (parameterize ([current-custodian c]) (socket-ports)))
  (define j (start (read-byte i)))
  (settle)
  (custodian-shutdown-all c)
  (see (outcome j) (port-closed? o) (wait-for s) (get s)))

;; ---- arguments

(define-program arguments-of-wrap
  (define-values (r w) (new-pipe))
  (define (call . arguments) (caught (apply fd->port arguments)))
  (see (call "3" 'p '(read)) (call 3.0 'p '(read)) (call #f 'p '(read)) (call 'x 'p 'y) (call 1/2 'p '(read)))
  (see (call r 'p 'read) (call r 'p "read") (call r 'p '(read . write)) (call r 'p #f) (call r 'p (vector 'read)))
  (see (open? r)))

(define-program arguments-of-socket-wrap
  (define-values (c s) (new-tcp))
  (define (call . arguments) (caught (apply socket->port arguments)))
  (see (call "3" #"p" '()) (call 1.5 #"p" '()) (call c 'p '()) (call c "p" '()) (call c #f '()) (call c #"p" 'no-close) (call c #"p" "x") (call 'a 'b 'c)
       (open? c)))

(define-program arguments-of-semaphores
  (define-values (r w) (new-pipe))
  (define (call . arguments) (list (caught (apply fd->semaphore arguments)) (caught (apply socket->semaphore arguments))))
  (see (call "3" 'read) (call 3.0 'read) (call #f 'remove) (call r "read") (call r #f) (call r '(read)) (call 'a 'b)))

(define-program arguments-of-events
  (define-values (r w) (new-pipe))
  (define n (number->string r))
  (define (call . arguments) (caught (apply fd->evt arguments)))
  (see (call "3" 'read) (call 3.0 'read #f) (call #f 'remove) (call 'a 'b 'c) (call +nan.0 'read 12)))

(define-program arity
  (define names '(unsafe-file-descriptor->port unsafe-socket->port unsafe-port->file-descriptor unsafe-port->socket
                                               unsafe-file-descriptor->semaphore unsafe-socket->semaphore unsafe-fd->evt))
  (for ([name names])
    (define proc (dynamic-require (library) name))
    (see (procedure-arity proc) (object-name proc) (caught (proc)))))

(define-program modes
  (define-values (a b) (new-pair))
  (define (kinds mode)
    (call-with-values (lambda () (fd->port (dup a) 'p mode))
                      (lambda ports (begin0 (for/list ([p ports]) (if (input-port? p) 'input 'output))
                                            (for ([p ports]) (if (input-port? p) (close-input-port p) (close-output-port p)))))))
  (for ([mode '((read) (write) (read write) (write read) (read read) (write write) (read write read) (text read) (read text) (write text) (text read text write))])
    (see (kinds mode)))
  (define f (keep (make-memory #"text")))
  (define (kinds-of-file mode)
    (call-with-values (lambda () (fd->port (dup f) 'p mode)) (lambda ports (for/list ([p ports]) (if (input-port? p) 'input 'output)))))
  (for ([mode '((read regular-file) (regular-file write) (read write regular-file text))]) (see (kinds-of-file mode))))
