#lang racket/base
;; port.rkt: the seven procedures of ffi/unsafe/port, served by portd.
;;
;; (require "port.rkt") instead of (require ffi/unsafe/port). Results are real Racket semaphores, events and ports: the broker has a
;; pollable handle for each of its objects, and Racket's own scheduler watches the handle, so other threads run meanwhile.
;;
;; A semaphore's handle becomes readable and stays so; an event's handle follows the event, or hints at it (handle.rkt). Both are watched
;; by the very procedures that this module replaces. The tables here map each object to its handle until the
;; object ends; they change in atomic mode. Ports are in end.rkt, input.rkt and output.rkt.
;;
;; portd-semantics(7) says where portd differs from Racket, above all in refusing calls that give Racket objects that never fire.

(require ffi/unsafe ffi/unsafe/atomic racket/string (prefix-in native: ffi/unsafe/port)
         "libportd.rkt" "handle.rkt" "end.rkt" "input.rkt" "output.rkt")
(provide unsafe-file-descriptor->port
         unsafe-socket->port
         unsafe-port->file-descriptor
         unsafe-port->socket
         unsafe-file-descriptor->semaphore
         unsafe-socket->semaphore
         unsafe-fd->evt
         port-addresses)

(define most (sub1 (expt 2 31)))

;; Numbers that do not fit the type of a descriptor are refused here.
(define (check-number who fd)
  (unless (<= (- most) fd most)
    (raise-arguments-error who "not a valid descriptor number" "number" fd)))

;; Requests an object and makes its Racket counterpart before another thread can request it. make is called with the client and the
;; id (#f: none), and returns the result or the trouble.
(define (object-of who make call . arguments)
  (define made
    (atomically
     (define c (client))
     (cond
       [(trouble? c) c]
       [else
        (define-values (code id) (apply call c arguments))
        (if (negative? code) (trouble-of c code) (make c (and (positive? code) id)))])))
  (if (trouble? made) (raise-trouble who made) made))

(define modes-text "(or/c 'read 'write 'check-read 'check-write 'remove)")

;; ---- semaphores

(define semaphores (make-hasheqv)) ; id -> pair of semaphore and handle, while registered

(define (end-semaphore! c id)
  (define found (hash-ref semaphores id #f))
  (when found
    (hash-remove! semaphores id)
    (handle-close! (cdr found))
    (give-back! c id)))

;; Returns a Racket semaphore that is posted for all its waiters when the broker's has fired. Then id and handle are released.
(define (semaphore-of c id)
  (define found (and id (hash-ref semaphores id #f)))
  (define handle (and id (not found) (handle-open c id #:semaphore? #t)))
  (cond
    [(not id) #f]
    [found (car found)]
    [(trouble? handle) handle]
    [else
     (define semaphore (native:unsafe-file-descriptor->semaphore (handle-number handle) 'read))
     (hash-set! semaphores id (cons semaphore handle))
     (parameterize ([current-custodian home])
       (thread (lambda ()
                 (sync (semaphore-peek-evt semaphore))
                 (atomically (end-semaphore! c id)))))
     semaphore]))

(define (fd->semaphore call fd mode)
  (define who 'unsafe-fd->semaphore)
  (unless (exact-integer? fd) (raise-argument-error who "exact-integer?" fd))
  (define number (and (symbol? mode) (hash-ref mode-numbers mode #f)))
  (unless number (raise-argument-error who modes-text mode))
  (check-number who fd)
  (object-of who semaphore-of call fd number))

(define (unsafe-file-descriptor->semaphore fd mode) (fd->semaphore portd_fd_to_semaphore fd mode))
(define (unsafe-socket->semaphore socket mode) (fd->semaphore portd_socket_to_semaphore socket mode))

;; ---- events

(struct entry (id handle))
(define evts (make-hash)) ; (number . direction) -> entry

;; The old event stays ready without its handle.
(define (end-evt! c key)
  (define old (hash-ref evts key #f))
  (when old
    (hash-remove! evts key)
    (handle-close! (entry-handle old))
    (give-back! c (entry-id old))))

(define (evt-of c key id)
  (define known (hash-ref evts key #f))
  (cond
    [(and known (= (entry-id known) id)) (handle-evt (entry-handle known))]
    [else
     (end-evt! c key) ; the number was reused for another open file
     (define handle (handle-open c id))
     (cond
       [(trouble? handle) handle]
       [else
        (hash-set! evts key (entry id handle))
        (handle-evt handle)])]))

(define (unsafe-fd->evt fd mode [socket? #t])
  (define who 'unsafe-fd->evt)
  (unless (exact-integer? fd) (raise-argument-error who "handle-integer?" 0 fd mode socket?))
  (define number (and (symbol? mode) (hash-ref mode-numbers mode #f)))
  (unless number (raise-argument-error who modes-text 1 fd mode socket?))
  (check-number who fd)
  (define (make c id)
    (when (eq? mode 'remove)
      (end-evt! c (cons fd 'read))
      (end-evt! c (cons fd 'write)))
    (and id (evt-of c (cons fd (if (memq mode '(read check-read)) 'read 'write)) id)))
  (object-of who make portd_fd_to_evt fd number (if socket? 1 0)))

;; ---- when the connection to the broker is lost, all waiting threads wake

(call-when-lost!
 (lambda ()
   (for ([id (hash-keys semaphores)]) (end-semaphore! #f id))
   (for ([key (hash-keys evts)]) (end-evt! #f key))))

;; ---- ports

;; The name as the broker shows it: at most 255 bytes of UTF-8, without NUL. The Racket port has the full name.
(define (name->bytes name)
  (define text
    (with-handlers ([exn:fail? (lambda (_) "")])
      (if (bytes? name) (bytes->string/utf-8 name #\?) (format "~a" name))))
  (let shorter ([end (min 255 (string-length text))])
    (define bytes (string->bytes/utf-8 (string-replace (substring text 0 end) "\0" "")))
    (if (<= (bytes-length bytes) 255) bytes (shorter (sub1 end)))))

;; Wraps by calling the function, and makes Racket ports for the ids. Returns a list of the input and the output port, #f for none.
(define (wrap-of who call number name label flags socket? close?)
  (define ends
    (atomically
     (define c (client))
     (cond
       [(trouble? c) c]
       [else
        (define-values (code input output) (call c number label flags))
        (cond
          [(negative? code) (trouble-of c code)]
          [else
           (define w (wrap number socket? close? code))
           (define in (and (positive? input) (end-open c w input #t)))
           (define out (and (positive? output) (end-open c w output #f)))
           (define failed (or (and (trouble? in) in) (and (trouble? out) out)))
           (when failed ; the number stays the caller's
             (for ([id (list input output)] #:when (positive? id)) (portd_port_close c id)))
           (or failed (list in out))])])))
  (when (trouble? ends) (raise-trouble who ends))
  (list (and (car ends) (make-input (car ends) name))
        (and (cadr ends) (make-output (cadr ends) name))))

(define (unsafe-file-descriptor->port fd name mode)
  (define who 'unsafe-file-descriptor->port)
  (define modes '(read write text regular-file))
  (unless (exact-integer? fd) (raise-argument-error who "exact-integer?" fd))
  (unless (and (list? mode) (andmap (lambda (m) (memq m modes)) mode))
    (raise-argument-error who "(listof (or/c 'read 'write 'text 'regular-file))" mode))
  (unless (or (memq 'read mode) (memq 'write mode))
    (raise-arguments-error who "the mode has neither 'read nor 'write" "mode" mode))
  (check-number who fd)
  (define flags (for/fold ([flags 0]) ([m mode]) (bitwise-ior flags (hash-ref flag-numbers m))))
  (define ports (filter values (wrap-of who portd_fd_to_port fd name (name->bytes name) flags #f #t)))
  (apply values ports))

(define (unsafe-socket->port socket name mode)
  (define who 'unsafe-socket->port)
  (unless (exact-integer? socket) (raise-argument-error who "exact-integer?" socket))
  (unless (bytes? name) (raise-argument-error who "bytes?" name))
  (unless (and (list? mode) (andmap (lambda (m) (eq? m 'no-close)) mode))
    (raise-argument-error who "(listof (or/c 'no-close))" mode))
  (define symbol (string->symbol (bytes->string/utf-8 name)))
  (check-number who socket)
  (define flags (if (pair? mode) (hash-ref flag-numbers 'no-close) 0))
  (apply values (wrap-of who portd_socket_to_port socket symbol (name->bytes name) flags #t (null? mode))))

;; The result for a port of this module, else Racket's for its own ports.
(define (number-of who p socket? native)
  (define e (end-of p))
  (cond
    [(not e) (native p)]
    [(end-closed? e) (raise-arguments-error who "the port is closed" "port" p)]
    [else (and (or (not socket?) (wrap-socket? (end-wrap e))) (wrap-number (end-wrap e)))]))

(define (unsafe-port->file-descriptor p)
  (number-of 'unsafe-port->file-descriptor p #f native:unsafe-port->file-descriptor))
(define (unsafe-port->socket p)
  (number-of 'unsafe-port->socket p #t native:unsafe-port->socket))

;; As tcp-addresses with port numbers, which accepts only Racket's own ports: local host and port, peer's host and port.
(define (port-addresses p)
  (define who 'port-addresses)
  (define e (end-of p))
  (unless e (raise-argument-error who "a port of this module" p))
  (when (end-closed? e) (raise-arguments-error who "the port is closed" "port" p))
  (define (new-endpoint)
    (define room (malloc _endpoint 'atomic-interior))
    (memset room 0 (ctype-sizeof _endpoint))
    (define endpoint (ptr-ref room _endpoint))
    (set-endpoint-size! endpoint (ctype-sizeof _endpoint))
    endpoint)
  (define local (new-endpoint))
  (define peer (new-endpoint))
  (ask who portd_port_addresses (end-id e) local peer)
  (define (host-of endpoint)
    (define bytes (for/list ([b (in-array (endpoint-host endpoint))] #:break (zero? b)) b))
    (bytes->string/utf-8 (list->bytes bytes) #\?))
  (values (host-of local) (endpoint-port local) (host-of peer) (endpoint-port peer)))
