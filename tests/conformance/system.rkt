#lang racket/base
;; system.rkt: the system calls that the scenarios need, on plain numbers, and the descriptors that they open by name.
(require ffi/unsafe)
(provide (all-defined-out))

(define-syntax-rule (define-call name type) (define name (get-ffi-obj 'name #f type)))
(define-syntax-rule (define-calls [name type] ...) (begin (define-call name type) ...))

(define-calls
  [pipe (_fun (v : _pointer = (malloc 8 'raw)) -> (r : _int) -> (pair v r))]
  [socketpair (_fun (_int = 1) _int (_int = 0) (v : _pointer = (malloc 8 'raw)) -> (r : _int) -> (pair v r))]
  [socket (_fun _int _int (_int = 0) -> _int)]
  [bind (_fun _int _bytes _uint32 -> _int)]
  [listen (_fun _int (_int = 8) -> _int)]
  [connect (_fun _int _bytes _uint32 -> _int)]
  [accept (_fun _int (_pointer = #f) (_pointer = #f) -> _int)]
  [getsockname (_fun _int _bytes (_ptr i _uint32) -> _int)]
  [setsockopt (_fun _int _int _int _bytes _uint32 -> _int)]
  [shutdown (_fun _int _int -> _int)]
  [signalfd (_fun (_int = -1) _bytes (_int = 0) -> _int)]
  [eventfd (_fun _uint (_int = 0) -> _int)]
  [timerfd_create (_fun (_int = 1) (_int = 0) -> _int)]
  [timerfd_settime (_fun _int (_int = 0) _bytes (_pointer = #f) -> _int)]
  [memfd_create (_fun _bytes (_uint = 0) -> _int)]
  [epoll_create1 (_fun (_int = 0) -> _int)]
  [epoll_ctl (_fun _int (_int = 1) _int _bytes -> _int)]
  [inotify_init1 (_fun (_int = 0) -> _int)]
  [inotify_add_watch (_fun _int _bytes/nul-terminated _uint32 -> _int)]
  [mkfifo (_fun _bytes/nul-terminated (_uint = #o600) -> _int)]
  [posix_openpt (_fun _int -> _int)]
  [grantpt (_fun _int -> _int)]
  [unlockpt (_fun _int -> _int)]
  [ptsname (_fun _int -> _bytes)]
  [cfmakeraw (_fun _pointer -> _void)]
  [tcgetattr (_fun _int _pointer -> _int)]
  [tcsetattr (_fun _int (_int = 0) _pointer -> _int)]
  [open (_fun #:varargs-after 2 _bytes _int -> _int)]
  [lseek (_fun _int _int64 _int -> _int64)]
  [dup (_fun _int -> _int)]
  [dup2 (_fun _int _int -> _int)]
  [send (_fun _int _bytes _size _int -> _ssize)]
  [close (_fun _int -> _int)]
  [read (_fun _int _bytes _size -> _ssize)]
  [write (_fun _int _bytes _size -> _ssize)]
  [fcntl (_fun #:varargs-after 2 _int _int _int -> _int)]
  [poll (_fun _bytes _ulong _int -> _int)]
  [getpid (_fun -> _int)]
  [posix_spawn (_fun (pid : (_ptr o _int)) _bytes/nul-terminated (_pointer = #f) (_pointer = #f) _pointer _pointer -> (r : _int) -> (if (zero? r) pid -1))]
  [waitpid ; until it has ended; Racket may have been told first
   (_fun _int (_pointer = #f) (_int = 0) -> _int -> (void))])

(define O_RDWR 2)
(define O_PATH #o10000000)
(define O_NOCTTY 256)
(define O_NONBLOCK 2048)

(define (pair v r)
  (define ends (list (ptr-ref v _int 0) (ptr-ref v _int 1)))
  (free v)
  (unless (zero? r) (error "no pair of descriptors"))
  ends)

(define (checked what n) (if (negative? n) (error what "failed") n))

;; 127.0.0.1 and a port in the order of the network; 0 bytes for the rest.
(define (loopback [port #"\0\0"]) (bytes-append #"\2\0" port #"\177\0\0\1" (make-bytes 8)))

(define (make-listener)
  (define fd (checked 'socket (socket 2 1)))
  (checked 'bind (bind fd (loopback) 16))
  (checked 'listen (listen fd))
  fd)

(define (connect-to listener)
  (define name (make-bytes 16))
  (checked 'getsockname (getsockname listener name 16))
  (define fd (checked 'socket (socket 2 1)))
  (checked 'connect (connect fd (loopback (subbytes name 2 4)) 16))
  fd)

(define (make-tcp)
  (define listener (make-listener))
  (define c (connect-to listener))
  (define s (checked 'accept (accept listener)))
  (close listener)
  (list c s))

(define (make-udp)
  (define fd (checked 'socket (socket 2 2)))
  (checked 'bind (bind fd (loopback) 16))
  fd)

(define (int64 n) (integer->integer-bytes* n))
(define (integer->integer-bytes* n) (integer->integer-bytes n 8 #t))

(define (make-timer expired?)
  (define fd (checked 'timerfd_create (timerfd_create)))
  (when expired?
    (checked 'timerfd_settime (timerfd_settime fd (bytes-append (int64 0) (int64 0) (int64 0) (int64 1))))
    (poll-for fd 1 1000))
  fd)

(define (make-pty)
  (define m (checked 'posix_openpt (posix_openpt (bitwise-ior O_RDWR O_NOCTTY))))
  (grantpt m)
  (unlockpt m)
  (define s (checked 'open (open (bytes-append (ptsname m) #"\0") (bitwise-ior O_RDWR O_NOCTTY))))
  (define settings (malloc 256 'raw))
  (tcgetattr s settings)
  (cfmakeraw settings)
  (tcsetattr s settings)
  (free settings)
  (list m s))

(define (make-memory text)
  (define fd (checked 'memfd_create (memfd_create #"scenario\0")))
  (write fd text (bytes-length text))
  (lseek fd 0 0)
  fd)

(define (make-epoll target)
  (define fd (checked 'epoll_create1 (epoll_create1)))
  (checked 'epoll_ctl (epoll_ctl fd target (bytes-append #"\1\0\0\0" (make-bytes 12))))
  fd)

(define (poll-for fd events milliseconds)
  (poll (bytes-append (integer->integer-bytes fd 4 #t) (integer->integer-bytes events 2 #t) #"\0\0") 1 milliseconds))

;; SIGUSR2 alone.
(define (make-signalfd) (checked 'signalfd (signalfd (bytes-append #"\0\10\0\0" (make-bytes 124)))))

;; What is there now, without waiting: number of bytes, at most n.
(define (take! fd n)
  (define buffer (make-bytes (max n 8)))
  (let loop ([taken 0])
    (define got (if (and (< taken n) (positive? (poll-for fd 1 0))) (read fd buffer (if (= n 8) 8 (- n taken))) 0))
    (if (positive? got) (loop (+ taken got)) taken)))

(define (fill! fd)
  (define flags (fcntl fd 3 0))
  (fcntl fd 4 (bitwise-ior flags O_NONBLOCK))
  (define block (make-bytes 4096 120))
  (let loop () (when (positive? (write fd block 4096)) (loop)))
  (fcntl fd 4 flags)
  (void))

(define (reset! fd)
  (setsockopt fd 1 13 (bytes-append (integer->integer-bytes 1 4 #t) (integer->integer-bytes 0 4 #t)) 8)
  (close fd))

;; ---- more sockets

;; The port of a TCP or UDP socket, in the order of the network, and as a number.
(define (port-bytes fd)
  (define name (make-bytes 16))
  (checked 'getsockname (getsockname fd name 16))
  (subbytes name 2 4))
(define (port-of fd) (integer-bytes->integer (port-bytes fd) #f #t))

;; A connection that has been asked for and not waited for.
(define (connect-slowly port)
  (define fd (checked 'socket (socket 2 1)))
  (fcntl fd 4 (bitwise-ior (fcntl fd 3 0) O_NONBLOCK))
  (connect fd (loopback (integer->integer-bytes port 2 #f #t)) 16)
  (fcntl fd 4 (bitwise-and (fcntl fd 3 0) (bitwise-not O_NONBLOCK)))
  fd)

(define (make-udp-pair)
  (define a (make-udp))
  (define b (make-udp))
  (checked 'connect (connect a (loopback (port-bytes b)) 16))
  (checked 'connect (connect b (loopback (port-bytes a)) 16))
  (values a b))

(define (unix-name path) (bytes-append #"\1\0" path (make-bytes (- 108 (bytes-length path)))))
(define unix-names 0)
(define (make-unix-listener)
  (set! unix-names (add1 unix-names))
  (define path (string->bytes/utf-8 (format "\0portd-conformance-~a-~a" (getpid) unix-names)))
  (define fd (checked 'socket (socket 1 1)))
  (checked 'bind (bind fd (unix-name path) 110))
  (checked 'listen (listen fd))
  (values fd path))
(define (connect-unix path)
  (define fd (checked 'socket (socket 1 1)))
  (checked 'connect (connect fd (unix-name path) 110))
  fd)

(define fifos 0)
(define (make-fifo)
  (set! fifos (add1 fifos))
  (define path (path->bytes (build-path (find-system-path 'temp-dir) (format "portd-conformance-~a-~a" (getpid) fifos))))
  (checked 'mkfifo (mkfifo path))
  path)

(define (send-urgent fd) (send fd #"!" 1 1))

;; Until the descriptor can be read, at most so many milliseconds: ready or idle.
(define (wait-for fd [milliseconds 2000])
  (if (positive? (poll-for fd 1 milliseconds)) 'ready 'idle))

;; ---- other programs, which have all descriptors of this process that are not closed at exec

(define (spawn script)
  (define words (list #"/bin/bash" #"-c" (string->bytes/utf-8 script)))
  (define argv (malloc (* 8 (add1 (length words))) 'raw))
  (for ([word words] [i (length words)])
    (define copy (malloc (add1 (bytes-length word)) 'raw))
    (memcpy copy (bytes-append word #"\0") (add1 (bytes-length word)))
    (ptr-set! argv _pointer i copy))
  (ptr-set! argv _pointer (length words) #f)
  (define pid (posix_spawn (car words) argv (get-ffi-obj "environ" #f _pointer)))
  (for ([i (length words)]) (free (ptr-ref argv _pointer i)))
  (free argv)
  (checked 'posix_spawn pid))
