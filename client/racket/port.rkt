#lang racket/base
;; port.rkt: the seven procedures of ffi/unsafe/port, served by portd.
;;
;; (require "port.rkt") in place of (require ffi/unsafe/port). Results are real Racket semaphores, events and ports: the broker gives
;; a pollable handle for each of its objects, and Racket's own scheduler watches the handle, so other threads run meanwhile.
;;
;; A semaphore's handle is an eventfd that becomes readable once and for ever; an event's handle is an epoll descriptor that follows
;; the event. Both are watched by the procedures that this module replaces. An entry keeps what belongs together until it has ended.
;;
;; Where portd differs from Racket (refusals instead of dead objects, above all), see portd-semantics(7).

(require (prefix-in native: ffi/unsafe/port) "libportd.rkt" "stream.rkt")
(provide unsafe-file-descriptor->port
         unsafe-socket->port
         unsafe-port->file-descriptor
         unsafe-port->socket
         unsafe-file-descriptor->semaphore
         unsafe-socket->semaphore
         unsafe-fd->evt
         port-addresses)

;; Threads and tables belong to the module, whatever custodian a caller runs under.
(define home (current-custodian))

(define (check-number who fd)
  (unless (exact-integer? fd) (raise-argument-error who "exact-integer?" fd)))

;; ---- semaphores

(define semaphores (make-hasheqv)) ; id -> semaphore, while registered

;; A Racket semaphore that is posted, for everybody, when the broker's has fired. Then the id and the handle are given back.
(define (semaphore-for who id)
  (or (hash-ref semaphores id #f)
      (let* ([handle (handle-of who id)]
             [semaphore (native:unsafe-file-descriptor->semaphore handle 'read)])
        (hash-set! semaphores id semaphore)
        (parameterize ([current-custodian home])
          (thread (lambda ()
                    (sync (semaphore-peek-evt semaphore))
                    (hash-remove! semaphores id)
                    (close-number handle)
                    (portd_release (client) id))))
        semaphore)))

(define modes-text "(or/c 'read 'write 'check-read 'check-write 'remove)")

(define (fd->semaphore call fd mode)
  (define who 'unsafe-fd->semaphore)
  (check-number who fd)
  (define number (and (symbol? mode) (hash-ref mode-numbers mode #f)))
  (unless number (raise-argument-error who modes-text mode))
  (define-values (code id) (call (client) fd number))
  (if (zero? (checked who code)) #f (semaphore-for who id)))

(define (unsafe-file-descriptor->semaphore fd mode) (fd->semaphore portd_fd_to_semaphore fd mode))
(define (unsafe-socket->semaphore socket mode) (fd->semaphore portd_socket_to_semaphore socket mode))

;; ---- events

(struct entry (id handle evt))
(define evts (make-hash)) ; (number . direction) -> entry

(define (direction-of mode) (if (memq mode '(read check-read)) 'read 'write))

;; The old event stays ready for ever: natively, so that its handle can go.
(define (end-entry! key)
  (define old (hash-ref evts key #f))
  (when old
    (hash-remove! evts key)
    (native:unsafe-fd->evt (entry-handle old) 'remove)
    (close-number (entry-handle old))
    (portd_release (client) (entry-id old))))

(define (evt-for who key id)
  (define known (hash-ref evts key #f))
  (cond
    [(and known (= (entry-id known) id)) (entry-evt known)]
    [else
     (end-entry! key) ; the number came back with another file
     (define handle (handle-of who id))
     (define evt (native:unsafe-fd->evt handle 'read))
     (hash-set! evts key (entry id handle evt))
     evt]))

(define (unsafe-fd->evt fd mode [socket? #t])
  (define who 'unsafe-fd->evt)
  (unless (exact-integer? fd) (raise-argument-error who "handle-integer?" 0 fd mode socket?))
  (define number (and (symbol? mode) (hash-ref mode-numbers mode #f)))
  (unless number (raise-argument-error who modes-text 1 fd mode socket?))
  (define-values (code id) (portd_fd_to_evt (client) fd number (if socket? 1 0)))
  (define found (positive? (checked who code)))
  (when (eq? mode 'remove)
    (end-entry! (cons fd 'read))
    (end-entry! (cons fd 'write)))
  (and found (evt-for who (cons fd (direction-of mode)) id)))
