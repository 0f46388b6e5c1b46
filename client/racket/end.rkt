#lang racket/base
;; end.rkt: one end of a wrap: the broker's port behind a Racket port.
;;
;; Each end has a pollable handle, which is ready when a read or write would not wait (handle.rkt). Only then is a request
;; sent to the broker, which replies at once. If another holder of the descriptor took the bytes first, the request is cancelled after
;; a moment. The last close of a wrap also closes the client's own number, as in Racket, unless 'no-close. A socket's direction is
;; shut down when its port is closed, as with Racket's TCP ports, unless 'no-close.
;;
;; Everything that changes an end runs in atomic mode, so that killing a thread leaves it consistent. Failures are values (trouble)
;; until atomic mode is left.

(require ffi/unsafe ffi/unsafe/atomic ffi/unsafe/custodian
         "libportd.rkt" "handle.rkt")
(provide (struct-out wrap) (struct-out end) end-open end-of end-tell
         end-ready? end-evt end-wait end-next end-read end-write end-position end-close! end-join! end-leave!
         raise-stream)

(define moment 50000) ; µs, how long a request may take whose bytes another holder took
(define landing-size 65536)
(define landing (malloc landing-size 'raw)) ; buffer between the call and a port's bytes; used in atomic mode only

(struct wrap (number socket? close? [open #:mutable]))

;; registration: with the custodian; #f if there is none.
(struct end (wrap input? client id handle [closed? #:mutable] [registration #:mutable]))

;; In atomic mode. Returns the end for a port of the broker, or the trouble.
(define (end-open c wrap id input?)
  (define handle (handle-open c id))
  (if (trouble? handle)
      handle
      (end wrap input? c id handle #f #f)))

(define (end-lost? e) (not (current? (end-client e))))
(define lost (trouble e-disconnected "the connection to the broker is lost" "" 0))
(define closed-number (trouble e-closed "closed" "" 9))

;; ---- the end of a port

(define ends (make-weak-hasheq)) ; port -> end

;; A structure with the property of a port stands for another port, which cannot be read from the structure. But asking for its buffer
;; mode calls that port's procedure, which also reports the end.
(define asking (make-parameter #f))
(define (end-tell e)
  (define answer (asking))
  (when answer (set-box! answer e)))

(define (end-of p)
  (or (hash-ref ends p #f)
      (and (or (input-port? p) (output-port? p))
           (let ([answer (box #f)])
             (with-handlers ([exn:fail? void])
               (parameterize ([asking answer]) (file-stream-buffer-mode p)))
             (unbox answer)))))

;; ---- readiness

(define (end-ready? e) (or (end-closed? e) (end-lost? e) (handle-ready? (end-handle e))))

;; An event that is ready while the end is.
(define (end-evt e) (handle-evt (end-handle e)))

;; What to wait for when the end was not ready; its result is not used.
(define (end-wait e) (if (or (end-closed? e) (end-lost? e)) always-evt (handle-wait (end-handle e))))

;; What to poll next when the end was not ready: itself, until Racket is to sleep, where that costs no request.
(define (end-next e self wakeups) (if (or wakeups (not (handle-exact? (end-handle e)))) (end-wait e) self))

;; ---- bytes. Each returns a count, #f if it would wait, or the trouble; a read also eof.

(define-syntax-rule (when-ready e also body ...)
  (cond
    [(end-closed? e) closed-number]
    [(end-lost? e) lost]
    [(not (or (handle-ready? (end-handle e)) also)) #f]
    [(end-lost? e) lost] ; while the broker was asked
    [else body ...]))

(define (failed e code)
  (if (= code e-timeout) #f (trouble-of (end-client e) code)))

(define (soon) (+ (portd_now) moment))

;; In Racket an empty datagram is an end of file.
(define (end-read e target from to)
  (when-ready e #f
    (define-values (code count)
      (portd_port_read (end-client e) (end-id e) landing (min (- to from) landing-size) (soon)))
    (cond
      [(negative? code) (failed e code)]
      [(zero? count) eof]
      [else (memcpy target from landing count) count])))

;; Writes to a listening socket, too, which fails, as with Racket's own ports.
(define (end-write e source from to)
  (when-ready e (listening? (wrap-number (end-wrap e)))
    (define size (min (- to from) landing-size))
    (memcpy landing 0 source from size)
    (define-values (code count) (portd_port_write (end-client e) (end-id e) landing size (soon)))
    (if (negative? code) (failed e code) count)))

;; The offset of the next byte; #f for descriptors without one.
(define (end-position e)
  (and (not (end-closed? e))
       (not (end-lost? e))
       (let-values ([(code offset) (portd_port_position (end-client e) (end-id e))])
         (and (positive? code) offset))))

;; ---- closing

;; In atomic mode. Closes the broker's port, then the handle; threads waiting for it wake. Returns #f, or the trouble with the
;; client's number.
(define (end-close! e)
  (define w (end-wrap e))
  (define c (end-client e))
  (cond
    [(end-closed? e) #f]
    [else
     (set-end-closed?! e #t)
     (set-wrap-open! w (sub1 (wrap-open w)))
     (when (and (current? c) (wrap-socket? w) (wrap-close? w))
       (portd_port_shutdown c (end-id e) (if (end-input? e) 1 2)))
     (when (current? c) (portd_port_close c (end-id e)))
     (handle-close! (end-handle e))
     (give-back! c (end-id e))
     (define number (if (and (zero? (wrap-open w)) (wrap-close? w)) (close-number (wrap-number w)) 0))
     (and (positive? number) (trouble e-closed "closing" "" number))]))

;; When a custodian is shut down it closes the ports made under it; buffered bytes are lost, as with Racket's own.
(define (end-join! e port close-port)
  (hash-set! ends port e)
  (set-end-registration! e (register-custodian-shutdown
                            port (lambda (port)
                                   (set-end-registration! e #f)
                                   (end-close! e)
                                   (close-port port)))))
(define (end-leave! e port)
  (define registration (end-registration e))
  (when registration
    (set-end-registration! e #f)
    (unregister-custodian-shutdown port registration)))

;; When the connection is lost, all threads that wait for an end wake.
(call-when-lost!
 (lambda ()
   (for ([e (in-hash-values ends)] #:unless (end-closed? e))
     (handle-wake! (end-handle e)))))

;; The messages of Racket's ports, for sockets those of its TCP ports. That of a close has no error number.
(define (raise-stream e doing said)
  (define number (trouble-errno said))
  (define text
    (format "error ~a stream port\n  system error: ~a" doing
            (if (positive? number) (format "~a; errno=~a" (error-text number) number) (trouble-text said))))
  (define marks (current-continuation-marks))
  (raise (cond
           [(or (zero? number) (string=? doing "closing")) (exn:fail text marks)]
           [(wrap-socket? (end-wrap e)) (exn:fail:network:errno text marks (cons number 'posix))]
           [else (exn:fail:filesystem:errno text marks (cons number 'posix))])))
