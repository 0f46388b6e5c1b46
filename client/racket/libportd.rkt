#lang racket/base
;; libportd.rkt: the functions of libportd that the binding uses, and the one client of this place.
;;
;; The library is the one that the environment variable PORTD_LIBRARY names, else the one installed with this file (libportd.path beside
;; it has the way there), else that of the system's search path. The client connects at the first
;; call, to PORTD_ADDRESS, else to the user's broker (which is started if there is none), else to the system's. A call blocks for a
;; round trip to the broker; nothing here waits for a descriptor.
;;
;; Racket threads share the client. A call and reading its failure must not be interleaved with another call, so both happen in
;; atomic mode: in `ask`, or in `trouble` right after a call when already in atomic mode. Errors are raised after leaving it. When the
;; connection is lost, the registered callbacks run, and the next call connects anew.

(require ffi/unsafe ffi/unsafe/define ffi/unsafe/atomic ffi/unsafe/custodian (prefix-in native: ffi/unsafe/port))
(provide (except-out (all-defined-out) the-client connect watch! lose! define-portd))

;; The library of this installation, or #f: this is the source, or there is none any more.
(define (library-beside)
  (define here (variable-reference->module-source (#%variable-reference)))
  (define-values (folder name directory?) (if (path? here) (split-path here) (values #f #f #f)))
  (define way (and (path? folder) (build-path folder "libportd.path")))
  (define path (and way (file-exists? way) (simplify-path (build-path folder (call-with-input-file way read-line)))))
  (and path (file-exists? path) path))

(define library
  (let ([path (or (getenv "PORTD_LIBRARY") (library-beside))])
    (with-handlers ([exn:fail:filesystem?
                     (lambda (failure)
                       (error 'libportd "~a; set PORTD_LIBRARY to the path of libportd.so" (exn-message failure)))])
      (if path (ffi-lib path) (ffi-lib "libportd" '("0" #f))))))
(define-ffi-definer define-portd library)

(define forever (sub1 (expt 2 63)))

;; The failure codes that the binding distinguishes.
(define e-not-found -3)
(define e-timeout -7)
(define e-closed -9)
(define e-disconnected -21)

(define mode-numbers #hasheq((read . 1) (write . 2) (check-read . 3) (check-write . 4) (remove . 5)))
(define flag-numbers #hasheq((read . 1) (write . 2) (text . 4) (regular-file . 8) (no-close . 16)))

(define-cstruct _options
  ([size _size] [name _pointer] [token _pointer] [owner_pid _uint32] [new_session _stdbool] [ttl_us _int64]
   [start _stdbool] [daemon _pointer] [allocate _pointer] [log _pointer] [context _pointer] [message _pointer]
   [message_size _size]))

(define-cstruct _ready ([id _uint64] [cause _int]))
(define one-ready (make-ready 0 0)) ; room for an answer that nobody reads

(define-cstruct _endpoint ([size _size] [family _pointer] [host (_array _byte 440)] [port _uint32]))

(define-portd portd_now (_fun -> _int64))
(define-portd portd_connect (_fun (_pointer = #f) _options-pointer _int64 (client : (_ptr o _pointer)) -> (code : _int)
                                  -> (values code client)))
(define-portd portd_disconnect (_fun _pointer -> _void))
(define-portd portd_get_fd (_fun _pointer -> _intptr))
(define-portd portd_process (_fun _pointer -> _int))
(define-portd portd_last_error (_fun _pointer -> _string/utf-8))
(define-portd portd_last_hint (_fun _pointer -> _string/utf-8))
(define-portd portd_last_errno (_fun _pointer -> _int))

(define-portd portd_fd_to_semaphore
  (_fun _pointer _intptr _int (_int64 = forever) (id : (_ptr o _uint64)) -> (code : _int) -> (values code id)))
(define-portd portd_socket_to_semaphore
  (_fun _pointer _intptr _int (_int64 = forever) (id : (_ptr o _uint64)) -> (code : _int) -> (values code id)))
(define-portd portd_fd_to_evt
  (_fun _pointer _intptr _int _int (_int64 = forever) (id : (_ptr o _uint64)) -> (code : _int) -> (values code id)))
(define-portd portd_handle_arm
  (_fun _pointer _uint64 (_int64 = forever) (handle : (_ptr io _intptr)) -> (code : _int) -> (values code handle)))
(define-portd portd_wait ; one object, which is looked at once; the count
  (_fun _pointer (id : (_ptr i _uint64)) (_size = 1) (_uint = 0) (_int64 = 0) (_ready-pointer = one-ready) -> _int))
(define-portd portd_broker_has_feature (_fun _pointer _bytes/nul-terminated -> _stdbool))
(define-portd portd_release (_fun _pointer (id : (_ptr i _uint64)) (_size = 1) (_int64 = forever) -> _int))

(define-portd portd_fd_to_port
  (_fun _pointer _intptr _bytes/nul-terminated _uint (_int64 = forever) (input : (_ptr o _uint64)) (output : (_ptr o _uint64))
        -> (code : _int) -> (values code input output)))
(define-portd portd_socket_to_port
  (_fun _pointer _intptr _bytes/nul-terminated _uint (_int64 = forever) (input : (_ptr o _uint64)) (output : (_ptr o _uint64))
        -> (code : _int) -> (values code input output)))
(define-portd portd_port_close (_fun _pointer _uint64 (_int64 = forever) -> _int))
(define-portd portd_port_shutdown (_fun _pointer _uint64 _uint (_int64 = forever) -> _int))
(define-portd portd_port_read
  (_fun _pointer _uint64 _pointer _size (_uint = 0) _int64 (count : (_ptr o _size)) (_pointer = #f)
        -> (code : _int) -> (values code count)))
(define-portd portd_port_write
  (_fun _pointer _uint64 _pointer _size _int64 (count : (_ptr o _size)) -> (code : _int) -> (values code count)))
(define-portd portd_port_position
  (_fun _pointer _uint64 (_pointer = #f) (_int64 = forever) (offset : (_ptr o _uint64)) -> (code : _int)
        -> (values code offset)))
(define-portd portd_port_addresses (_fun _pointer _uint64 (_int64 = forever) _endpoint-pointer _endpoint-pointer -> _int))

;; ---- descriptors of this process

(define close-number (get-ffi-obj "close" #f (_fun #:save-errno 'posix _int -> (r : _int) -> (if (zero? r) 0 (saved-errno)))))
(define isatty (get-ffi-obj "isatty" #f (_fun _int -> _bool)))
;; A listening socket is never ready for writing; a write to it fails at once.
(define listening?
  (let ([getsockopt (get-ffi-obj "getsockopt" #f (_fun _int _int _int (listens : (_ptr io _int)) (_ptr i _int) -> (r : _int) -> (and (zero? r) listens)))])
    (lambda (fd)
      (case (system-type 'os*)
        [(linux) (eqv? 1 (getsockopt fd 1 30 0 4))] ; SOL_SOCKET, SO_ACCEPTCONN
        [(macosx freebsd openbsd netbsd) (not (memv (getsockopt fd #xffff 2 0 4) '(#f 0)))]
        [else #f]))))
(define error-text (get-ffi-obj "strerror" #f (_fun _int -> _string/locale)))

;; Handles are moved to high numbers, so that they do not change which number the program's next descriptor gets.
(define first-handle 256)
(define lift
  (let ([command (case (system-type 'os*) [(linux) 1030] [(macosx) 67] [(freebsd) 17] [(netbsd) 12] [(openbsd) 10] [else #f])] ; F_DUPFD_CLOEXEC
        [fcntl (get-ffi-obj "fcntl" #f (_fun #:varargs-after 2 _int _int _int -> _int))])
    (lambda (fd)
      (define high (if command (fcntl fd command first-handle) -1))
      (cond [(negative? high) fd]
            [else (close-number fd) high]))))

;; ---- the client

;; The thread belongs to the place, whatever custodian a caller runs under.
(define home (make-custodian-at-root))

(define-syntax-rule (atomically body ...)
  (begin
    (start-atomic)
    (begin0 (let () body ...) (end-atomic))))

(define message-size 512)
(define client-name #"racket\0")

(define (connect)
  (define message (malloc message-size 'raw))
  (define name (malloc (bytes-length client-name) 'raw))
  (memset message 0 message-size)
  (memcpy name client-name (bytes-length client-name))
  (define options
    (make-options (ctype-sizeof _options) name #f 0 #f 0 #t #f #f #f #f message message-size))
  (define-values (code client) (portd_connect options forever))
  (define text (bytes->string/utf-8 (cast message _pointer _bytes) #\?))
  (free message)
  (free name)
  (if (positive? code) client (trouble code (string-append "no broker: " text) "" 0)))

(define the-client #f)
(define (current? c) (eq? c the-client))

;; In atomic mode. Returns the connected client, or the trouble.
(define (client)
  (cond
    [the-client]
    [else
     (define made (connect))
     (unless (trouble? made)
       (set! the-client made)
       (watch! made))
     made]))

;; Registers a callback, called in atomic mode when the connection is lost, and with it the broker's objects.
(define when-lost '())
(define (call-when-lost! proc) (set! when-lost (cons proc when-lost)))

;; In atomic mode.
(define (lose! lost)
  (when (current? lost)
    (set! the-client #f)
    (native:unsafe-fd->evt (portd_get_fd lost) 'remove)
    (portd_disconnect lost)
    (for ([proc when-lost]) (proc))))

;; Blocking calls read their own replies, so the only thing that can make the connection readable here is its end.
(define (watch! watched)
  (define fd (portd_get_fd watched))
  (define said (native:unsafe-fd->evt fd 'read))
  (parameterize ([current-custodian home])
    (thread
     (lambda ()
       (let loop ()
         (sync said)
         (when (atomically
                (and (current? watched)
                     (cond [(negative? (portd_process watched)) (lose! watched) #f]
                           [else #t])))
           (loop)))))))

;; ---- failures

;; The failure of a call. errno is 0 if no system call failed.
(struct trouble (code text hint errno))

;; In atomic mode, after a call of this client has returned a code below 0.
(define (trouble-of c code)
  (define said (trouble code (portd_last_error c) (portd_last_hint c) (portd_last_errno c)))
  (when (= code e-disconnected) (lose! c))
  said)

(define (raise-trouble who said)
  (define number (trouble-errno said))
  (define text (string-append (format "~a: ~a" who (trouble-text said))
                              (if (string=? (trouble-hint said) "") "" (format "\n  hint: ~a" (trouble-hint said)))))
  (raise (if (positive? number)
             (exn:fail:filesystem:errno text (current-continuation-marks) (cons number 'posix))
             (exn:fail text (current-continuation-marks)))))

;; Calls the function with the client and these arguments, and returns its result; raises its failure in the name of who.
(define (ask who call . arguments)
  (define answers
    (atomically
     (define c (client))
     (define answers (if (trouble? c) (list c) (call-with-values (lambda () (apply call c arguments)) list)))
     (cond
       [(trouble? c) answers]
       [(negative? (car answers)) (list (trouble-of c (car answers)))]
       [else answers])))
  (when (trouble? (car answers)) (raise-trouble who (car answers)))
  (apply values answers))

;; In atomic mode. Releases an id, unless its connection is lost.
(define (give-back! c id)
  (when (current? c) (portd_release c id)))
