#lang racket/base
;; libportd.rkt: the calls of libportd that the binding needs, and the one client of this process.
;;
;; The library is found by the environment variable PORTD_LIBRARY, else by the system's search. The client connects at the first call,
;; to PORTD_ADDRESS, else to the user's broker (which is started if there is none), else to the system's. Calls block for a round trip to
;; the broker; nothing here waits for a descriptor.

(require ffi/unsafe ffi/unsafe/define racket/string)
(provide (all-defined-out))

(define library
  (let ([path (getenv "PORTD_LIBRARY")])
    (if path (ffi-lib path) (ffi-lib "libportd" '("0" #f)))))
(define-ffi-definer define-portd library)

(define forever (sub1 (expt 2 63)))

;; The answers below 0 that are told apart here.
(define e-closed -9)
(define e-system -13)
(define e-timeout -7)

(define mode-numbers #hasheq((read . 1) (write . 2) (check-read . 3) (check-write . 4) (remove . 5)))
(define flag-numbers #hasheq((read . 1) (write . 2) (text . 4) (regular-file . 8) (no-close . 16)))
(define result-replaced 4)

(define-cstruct _options
  ([size _size] [name _bytes] [token _bytes] [owner_pid _uint32] [new_session _stdbool] [ttl_us _int64]
   [start _stdbool] [daemon _bytes] [allocate _pointer] [log _pointer] [context _pointer] [message _pointer]
   [message_size _size]))

(define-cstruct _endpoint ([size _size] [family _pointer] [host (_array _byte 112)] [port _uint32]))

(define message-size 512)

(define-portd portd_now (_fun -> _int64))
(define-portd portd_connect (_fun (_pointer = #f) _options-pointer _int64 (client : (_ptr o _pointer)) -> (code : _int)
                                  -> (values code client)))
(define-portd portd_last_error (_fun _pointer -> _string/utf-8))
(define-portd portd_last_hint (_fun _pointer -> _string/utf-8))
(define-portd portd_last_errno (_fun _pointer -> _int))
(define-portd portd_last_flags (_fun _pointer -> _uint))
(define-portd portd_fd_to_semaphore
  (_fun _pointer _intptr _int (_int64 = forever) (id : (_ptr o _uint64)) -> (code : _int) -> (values code id)))
(define-portd portd_socket_to_semaphore
  (_fun _pointer _intptr _int (_int64 = forever) (id : (_ptr o _uint64)) -> (code : _int) -> (values code id)))
(define-portd portd_fd_to_evt
  (_fun _pointer _intptr _int _int (_int64 = forever) (id : (_ptr o _uint64)) -> (code : _int) -> (values code id)))
(define-portd portd_handle_dup
  (_fun _pointer _uint64 (_int64 = forever) (handle : (_ptr o _intptr)) -> (code : _int) -> (values code handle)))
(define-portd portd_release
  (_fun _pointer (id : (_ptr i _uint64)) (_size = 1) (_int64 = forever) -> _int))

(define-portd portd_fd_to_port
  (_fun _pointer _intptr _bytes _uint (_int64 = forever) (input : (_ptr o _uint64)) (output : (_ptr o _uint64))
        -> (code : _int) -> (values code input output)))
(define-portd portd_socket_to_port
  (_fun _pointer _intptr _bytes _uint (_int64 = forever) (input : (_ptr o _uint64)) (output : (_ptr o _uint64))
        -> (code : _int) -> (values code input output)))
(define-portd portd_port_close (_fun _pointer _uint64 (_int64 = forever) -> _int))
(define-portd portd_port_read
  (_fun _pointer _uint64 _pointer _size (_uint = 0) _int64 (count : (_ptr o _size)) (_pointer = #f)
        -> (code : _int) -> (values code count)))
(define-portd portd_port_write
  (_fun _pointer _uint64 _pointer _size _int64 (count : (_ptr o _size)) -> (code : _int) -> (values code count)))
(define-portd portd_port_addresses (_fun _pointer _uint64 (_int64 = forever) _endpoint-pointer _endpoint-pointer -> _int))

;; poll(2) of one descriptor for reading, without waiting. Asking Racket's scheduler would let other threads run meanwhile.
(define-cstruct _pollfd ([fd _int] [events _short] [revents _short]))
(define poll (get-ffi-obj "poll" #f (_fun _pollfd-pointer _ulong _int -> _int)))
(define (readable? fd) (positive? (poll (make-pollfd fd 1 0) 1 0)))
(define isatty (get-ffi-obj "isatty" #f (_fun _int -> _bool)))

;; close(2) of this process: ports close the client's own number, as Racket does.
(define close-number (get-ffi-obj "close" #f (_fun #:save-errno 'posix _int -> _int)))

(define (connect)
  (define message (malloc message-size 'raw))
  (memset message 0 message-size)
  (define options
    (make-options (ctype-sizeof _options) #"racket" #f 0 #f 0 #t #f #f #f #f message message-size))
  (define-values (code client) (portd_connect options forever))
  (define text (bytes->string/utf-8 (cast message _pointer _bytes) #\?))
  (free message)
  (unless (positive? code) (raise (exn:fail (format "portd: no broker: ~a" text) (current-continuation-marks))))
  client)

(define the-client #f)
(define (client)
  (unless the-client (set! the-client (connect)))
  the-client)

;; Raises what a failed call said, under the name of the procedure that made it.
(define (fail who)
  (define hint (portd_last_hint the-client))
  (define code (portd_last_errno the-client))
  (define text (string-append (format "~a: ~a" who (portd_last_error the-client))
                              (if (string=? hint "") "" (format "\n  hint: ~a" hint))))
  (raise (if (positive? code)
             (exn:fail:filesystem:errno text (current-continuation-marks) (cons code 'posix))
             (exn:fail text (current-continuation-marks)))))

(define (checked who code)
  (if (negative? code) (fail who) code))

(define (handle-of who id)
  (define-values (code handle) (portd_handle_dup (client) id))
  (checked who code)
  handle)
