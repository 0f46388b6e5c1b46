#lang racket/base
;; handle.rkt: the pollable handle of an object of the broker, and what Racket waits for.
;;
;; The handle of a semaphore is exact everywhere, and on Linux that of an event or a port is, too: Racket itself watches it. On macOS and the
;; BSDs the handle of an event or a port is a hint. While a hint is not readable it is armed: it becomes readable when the object is ready. A readable
;; one says only that the object was ready: the broker is asked, and if the object is not ready the hint is armed again. So there each sync asks
;; once when it begins and once each time that the hint has become readable; between them the hint alone is watched.
;;
;; Everything here is called in atomic mode, as Racket's scheduler calls the pollers of events.

(require ffi/unsafe/schedule (prefix-in native: ffi/unsafe/port) "libportd.rkt")
(provide handle-open handle-number handle-evt handle-exact? handle-ready? handle-wait handle-wake! handle-close!)

(define again-ms 100) ; until a hint that could not be armed is tried again

;; evt is ready while the object is, and for ever after handle-wake!; its result is itself.
(struct handle (number evt))

;; An event that follows a hint; its name is that of Racket's own. round is what those wait for who want to be woken all, #f: nobody.
(struct fd-evt (client id number [round #:mutable] [ended? #:mutable])
  #:constructor-name hint
  #:property prop:evt
  (unsafe-poller (lambda (self wakeups) (if (hint-ready? self) (values (list self) #f) (values #f (watched self #f))))))

;; In place of a hint whose object was not ready.
(struct watched (hint [woken? #:mutable])
  #:property prop:evt
  (unsafe-poller
   (lambda (self wakeups)
     (define h (watched-hint self))
     (define (stay)
       (when wakeups (unsafe-poll-ctx-fd-wakeup wakeups (fd-evt-number h) 'read))
       (values #f self))
     (cond
       [(or (watched-woken? self) (hint-over? h)) (values (list h) #f)]
       [(not (unsafe-poll-fd (fd-evt-number h) 'read #t)) (stay)]
       [(hint-ready? h) (values (list h) #f)]
       [(hint-arm! h) (stay)]
       [(hint-over? h) (values (list h) #f)]
       [else (values #f (replace-evt (alarm-evt (+ (current-inexact-milliseconds) again-ms)) (lambda (_) self)))]))))

(define (hint-over? h) (or (fd-evt-ended? h) (not (current? (fd-evt-client h)))))

;; An object that is gone is ready, as one that was removed is.
(define (hint-ready? h)
  (define ready?
    (or (hint-over? h)
        (let ([code (portd_wait (fd-evt-client h) (fd-evt-id h))])
          (cond
            [(negative? code) (trouble-of (fd-evt-client h) code) (or (hint-over? h) (= code e-not-found))]
            [else (positive? code)]))))
  (when (and ready? (fd-evt-round h))
    (set-watched-woken?! (fd-evt-round h) #t)
    (set-fd-evt-round! h #f))
  ready?)

(define (hint-round! h)
  (unless (fd-evt-round h) (set-fd-evt-round! h (watched h #f)))
  (fd-evt-round h))

(define (hint-arm! h)
  (define-values (code _) (portd_handle_arm (fd-evt-client h) (fd-evt-id h) (fd-evt-number h)))
  (when (negative? code) (trouble-of (fd-evt-client h) code))
  (positive? code))

;; Returns the handle of an object, or the trouble.
(define (handle-open c id #:semaphore? [semaphore? #f])
  (define-values (code number) (portd_handle_arm c id -1))
  (cond
    [(negative? code) (trouble-of c code)]
    [else
     (define high (lift number))
     (handle high (if (or semaphore? (not (portd_broker_has_feature c #"handle-hint")))
                      (native:unsafe-fd->evt high 'read)
                      (hint c id high #f #f)))]))

(define (handle-exact? h) (not (fd-evt? (handle-evt h))))

;; Whether the object is ready now.
(define (handle-ready? h)
  (if (handle-exact? h) (unsafe-poll-fd (handle-number h) 'read #t) (hint-ready? (handle-evt h))))

;; What to wait for when the object was not ready; its result is not used. As with Racket's own ports it wakes all waiting threads: one of them
;; may take all bytes into its port's buffer.
(define (handle-wait h)
  (if (handle-exact? h)
      (or (native:unsafe-file-descriptor->semaphore (handle-number h) 'read) (handle-evt h))
      (hint-round! (handle-evt h))))

;; Wakes all threads that wait. Its event stays ready.
(define (handle-wake! h)
  (cond
    [(handle-exact? h)
     (native:unsafe-file-descriptor->semaphore (handle-number h) 'remove)
     (native:unsafe-fd->evt (handle-number h) 'remove)]
    [else (set-fd-evt-ended?! (handle-evt h) #t)])
  (void))

(define (handle-close! h)
  (handle-wake! h)
  (close-number (handle-number h)))
