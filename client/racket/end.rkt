#lang racket/base
;; end.rkt: one end of a wrap, the port of the broker under a port of Racket.
;;
;; Each end has a pollable handle, watched by Racket itself, that says when a read or write would find something to do. Only then the
;; broker is asked, and it answers at once; should another holder of the descriptor have been faster, it is given a moment and then told to
;; leave it. The last close of a wrap closes the client's own number too, as Racket does, unless 'no-close. A socket's direction is shut
;; down when its port is closed, as with Racket's TCP ports, unless 'no-close.
;;
;; Whatever changes an end runs in atomic mode, so that a thread that is killed leaves it whole. Failures are values (trouble) until
;; atomic mode is left.

(require ffi/unsafe ffi/unsafe/atomic ffi/unsafe/custodian ffi/unsafe/schedule
         (prefix-in native: ffi/unsafe/port) "libportd.rkt")
(provide (struct-out wrap) (struct-out end) end-open end-of end-tell
         end-ready? end-wait end-read end-write end-position end-close! end-join! end-leave!
         raise-stream)

(define moment 50000) ; µs, for what another holder was faster to take
(define landing-size 65536)
(define landing (malloc landing-size 'raw)) ; between the call and the bytes of a port; in atomic mode only

(struct wrap (number socket? close? [open #:mutable]))

;; plain: an event that is ready while the handle is. registration: with the custodian, #f when there is none.
(struct end (wrap input? client id handle plain [closed? #:mutable] [registration #:mutable]))

;; In atomic mode: the end of a port of the broker, or the trouble.
(define (end-open c wrap id input?)
  (define handle (handle-of c id))
  (if (trouble? handle)
      handle
      (end wrap input? c id handle (native:unsafe-fd->evt handle 'read) #f #f)))

(define (end-lost? e) (not (current? (end-client e))))
(define lost (trouble e-disconnected "the connection to the broker is lost" "" 0))
(define closed-number (trouble e-closed "closed" "" 9))

;; ---- who stands behind a port

(define ends (make-weak-hasheq)) ; port -> end

;; A structure with the property of a port stands for another port and cannot be looked into, but asked: its buffer mode is asked of the
;; port that it stands for, whose answer tells the end too.
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

(define (end-ready? e) (or (end-closed? e) (end-lost? e) (unsafe-poll-fd (end-handle e) 'read #t)))

;; What to wait for when the end is not ready; its result is of no use. As Racket's own ports wait: for a semaphore, which wakes everybody.
(define (end-wait e)
  (if (or (end-closed? e) (end-lost? e))
      always-evt
      (or (native:unsafe-file-descriptor->semaphore (end-handle e) 'read) (end-plain e))))

;; ---- bytes. Each answers a count, #f when there is nothing to do now, or the trouble; a read also eof.

(define-syntax-rule (when-ready e also body ...)
  (cond
    [(end-closed? e) closed-number]
    [(end-lost? e) lost]
    [(not (or (unsafe-poll-fd (end-handle e) 'read #t) also)) #f]
    [else body ...]))

(define (failed e code)
  (if (= code e-timeout) #f (trouble-of (end-client e) code)))

(define (soon) (+ (portd_now) moment))

;; An empty datagram is an end of file to Racket.
(define (end-read e target from to)
  (when-ready e #f
    (define-values (code count)
      (portd_port_read (end-client e) (end-id e) landing (min (- to from) landing-size) (soon)))
    (cond
      [(negative? code) (failed e code)]
      [(zero? count) eof]
      [else (memcpy target from landing count) count])))

;; As Racket's own ports, it writes to a listening socket, which says that it cannot.
(define (end-write e source from to)
  (when-ready e (listening? (wrap-number (end-wrap e)))
    (define size (min (- to from) landing-size))
    (memcpy landing 0 source from size)
    (define-values (code count) (portd_port_write (end-client e) (end-id e) landing size (soon)))
    (if (negative? code) (failed e code) count)))

;; Where the next byte is read or written, #f for what has no such place.
(define (end-position e)
  (and (not (end-closed? e))
       (not (end-lost? e))
       (let-values ([(code offset) (portd_port_position (end-client e) (end-id e))])
         (and (positive? code) offset))))

;; ---- the end of an end

;; In atomic mode. The port of the broker goes, then the handle; whoever waits for it wakes. #f, or the trouble with the client's number.
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
     (native:unsafe-file-descriptor->semaphore (end-handle e) 'remove)
     (native:unsafe-fd->evt (end-handle e) 'remove)
     (close-number (end-handle e))
     (give-back! c (end-id e))
     (define number (if (and (zero? (wrap-open w)) (wrap-close? w)) (close-number (wrap-number w)) 0))
     (and (positive? number) (trouble e-closed "closing" "" number))]))

;; A custodian that is shut down closes the ports made under it: what is buffered is lost, as it is with Racket's own.
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

;; When the connection is lost, whoever waits for an end wakes.
(call-when-lost!
 (lambda ()
   (for ([e (in-hash-values ends)] #:unless (end-closed? e))
     (native:unsafe-file-descriptor->semaphore (end-handle e) 'remove)
     (native:unsafe-fd->evt (end-handle e) 'remove))))

;; As Racket's ports say it; those of sockets as its TCP ports. Of a close it gives no number.
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
