#lang racket/base
;; stream.rkt: Racket ports over the ports of the broker.
;;
;; Each end has a pollable handle, watched by Racket itself, that says when a read or write would find something to do; only then the
;; broker is asked, and it answers at once. Reading ahead and buffering happen here: 4096 bytes each, as Racket's own ports do, unless the
;; buffer mode says otherwise. Closing the last end of a wrap closes the client's own number too, as Racket does, unless 'no-close.

(require (prefix-in native: ffi/unsafe/port) ffi/unsafe ffi/unsafe/custodian "libportd.rkt")
(provide unsafe-file-descriptor->port unsafe-socket->port unsafe-port->file-descriptor unsafe-port->socket
         port-addresses)

(define buffer-size 4096)
(define patience 1000000) ; µs, for what another holder was faster to take

(struct wrap (number socket? close? [open #:mutable]))
(struct end (wrap id handle ready lock [closed? #:mutable] [registration #:mutable]))

(define ends (make-weak-hasheq)) ; Racket port -> end

(define (make-end who wrap id)
  (define handle (handle-of who id))
  (end wrap id handle (native:unsafe-fd->evt handle 'read) (make-semaphore 1) #f #f))

;; Retry when the handle is ready, or when another thread has left.
(define (retry evt [result 0]) (wrap-evt evt (lambda (_) result)))

(define (soon) (+ (portd_now) patience))

(define (fail-stream doing)
  (define number (portd_last_errno (client)))
  (define text (portd_last_error (client)))
  (raise (exn:fail:filesystem:errno
          (format "error ~a stream port\n  system error: ~a; errno=~a" doing
                  (cond [(regexp-match #rx"^[a-z]+: (.*)$" text) => cadr] [else text]) number)
          (current-continuation-marks) (cons number 'posix))))

;; The port of the broker goes, then the handle; whoever waits for it wakes.
(define (close-end! e)
  (unless (end-closed? e)
    (set-end-closed?! e #t)
    (define w (end-wrap e))
    (set-wrap-open! w (sub1 (wrap-open w)))
    (portd_port_close (client) (end-id e))
    (native:unsafe-fd->evt (end-handle e) 'remove)
    (close-number (end-handle e))
    (portd_release (client) (end-id e))
    (when (and (zero? (wrap-open w)) (wrap-close? w))
      (close-number (wrap-number w)))))

;; A custodian that is shut down closes the ports made under it.
(define (end-join! e close)
  (set-end-registration! e (register-custodian-shutdown e (lambda (e) (end-abandon! e) (close)))))
(define (end-leave! e)
  (define registration (end-registration e))
  (when registration
    (set-end-registration! e #f)
    (unregister-custodian-shutdown e registration)))
;; In the midst of a shutdown nothing can be waited for: what is buffered is lost, as it is with Racket's own ports.
(define (end-abandon! e)
  (set-end-registration! e #f)
  (close-end! e))

;; ---- input

;; One byte less than a page, so that looking whether there is input never makes a full pipe writable.
(define read-ahead 4095)

(define (make-input e name)
  (define buffer (make-bytes buffer-size))
  (define start 0)
  (define stop 0)
  (define ended? #f) ; the end of the file was met behind what is buffered
  (define mode 'block)
  (define landing (malloc buffer-size 'raw))
  (define (available) (- stop start))
  ;; Room for n bytes behind what is buffered.
  (define (make-room! n)
    (define kept (available))
    (define from buffer)
    (when (> (+ kept n) (bytes-length buffer)) (set! buffer (make-bytes (* 2 (+ kept n)))))
    (bytes-copy! buffer 0 from start stop)
    (set! start 0)
    (set! stop kept))
  ;; Reads more, at most what is wanted in mode 'none. A count, eof, or an event after which to try again.
  (define (fill! wanted)
    (define size (if (eq? mode 'none) (min wanted read-ahead) read-ahead))
    (cond
      [(not (readable? (end-handle e))) (retry (end-ready e))]
      [else
       (define-values (code count) (portd_port_read (client) (end-id e) landing size (soon)))
       (cond
         [(positive? code)
          (make-room! count)
          (memcpy buffer stop landing count)
          (set! stop (+ stop count))
          count]
         [(zero? code) eof]
         [(or (= code e-timeout) (= code e-closed)) (retry (end-ready e))]
         [else (fail-stream "reading from")])]))
  (define (copy-out! target skip)
    (define n (min (- (available) skip) (bytes-length target)))
    (bytes-copy! target 0 buffer (+ start skip) (+ start skip n))
    n)
  (define (with-lock thunk)
    (call-with-semaphore (end-lock e) (lambda () (if (end-closed? e) eof (thunk)))
                         (lambda () (retry (semaphore-peek-evt (end-lock e))))))
  (define (read-in target)
    (with-lock
     (lambda ()
       (define got (cond [(positive? (available)) 1] [ended? (set! ended? #f) eof] [else (fill! (bytes-length target))]))
       (cond
         [(and (number? got) (positive? (available)))
          (define n (copy-out! target 0))
          (set! start (+ start n))
          n]
         [else got]))))
  (define (peek target skip progress)
    (with-lock
     (lambda ()
       (let loop ()
         (cond
           [(< skip (available)) (copy-out! target skip)]
           [ended? eof]
           [else
            (define got (fill! (- (+ skip (bytes-length target)) (available))))
            (cond
              [(eof-object? got) (set! ended? #t) eof]
              [(and (number? got) (positive? got)) (loop)]
              [else got])])))))
  (define (close)
    (end-leave! e)
    (close-end! e)
    (when landing (free landing) (set! landing #f)))
  (define port
    (make-input-port name read-in peek close #f #f #f void 1
                     (case-lambda [() mode] [(new) (set! mode new)])))
  (hash-set! ends port e)
  (end-join! e (lambda () (close-input-port port)))
  port)

;; ---- output

(define (make-output e name)
  (define buffer (malloc buffer-size 'raw))
  (define start 0)
  (define stop 0)
  (define mode (if (isatty (wrap-number (end-wrap e))) 'line 'block))
  ;; Bytes that the kernel took now: 0 when it takes none.
  (define (give pointer size)
    (cond
      [(not (readable? (end-handle e))) 0]
      [else
       (define-values (code count) (portd_port_write (client) (end-id e) pointer size (soon)))
       (cond
         [(positive? code) count]
         [(or (= code e-timeout) (= code e-closed)) 0]
         [else (set! start 0) (set! stop 0) (fail-stream "writing to")])]))
  (define (step-flush!)
    (when (< start stop)
      (set! start (+ start (give (ptr-add buffer start) (- stop start)))))
    (when (= start stop) (set! start 0) (set! stop 0)))
  ;; True when nothing is left; waits for that unless non-block?.
  (define (flush! non-block? breakable?)
    (step-flush!)
    (cond
      [(= start stop) #t]
      [non-block? #f]
      [else
       ((if breakable? sync/enable-break sync) (end-ready e))
       (if (end-closed? e) #t (flush! non-block? breakable?))]))
  (define (keep! source from to)
    (memcpy buffer stop source from (- to from))
    (set! stop (+ stop (- to from)))
    (- to from))
  (define (line-ends? source from to) (for/or ([b (in-bytes source from to)]) (eqv? b 10)))
  (define (write-direct source from to)
    (define piece (min (- to from) buffer-size))
    (define pointer (malloc piece 'raw))
    (memcpy pointer 0 source from piece)
    (dynamic-wind void (lambda () (give pointer piece)) (lambda () (free pointer))))
  (define (write-now source from to non-block? breakable?)
    (define n (if (flush! non-block? breakable?) (write-direct source from to) 0))
    (cond
      [(positive? n) n]
      [non-block? #f]
      [else
       ((if breakable? sync/enable-break sync) (end-ready e))
       (write-now source from to non-block? breakable?)]))
  (define (write-locked source from to non-block? breakable?)
    (cond
      [(= from to) (and (flush! non-block? breakable?) 0)]
      [(or non-block? (eq? mode 'none)) (write-now source from to non-block? breakable?)]
      [(<= (- to from) (- buffer-size stop))
       (define n (keep! source from to))
       (when (and (eq? mode 'line) (line-ends? source from to)) (flush! #f breakable?))
       n]
      [else (write-now source from to non-block? breakable?)]))
  (define (write-out source from to non-block? breakable?)
    (cond
      [non-block?
       (call-with-semaphore (end-lock e) (lambda () (write-locked source from to #t breakable?)) (lambda () #f))]
      [else
       (call-with-semaphore (end-lock e) (lambda () (write-locked source from to #f breakable?)))]))
  (define (flush-all)
    (unless (end-closed? e)
      (call-with-semaphore (end-lock e) (lambda () (unless (end-closed? e) (flush! #f #t))))))
  (define at-exit (plumber-add-flush! (current-plumber) (lambda (_) (flush-all))))
  (define (close)
    (flush-all)
    (plumber-flush-handle-remove! at-exit)
    (end-leave! e)
    (close-end! e)
    (when buffer (free buffer) (set! buffer #f)))
  (define port
    (make-output-port name (end-ready e) write-out close #f #f #f #f void 1
                      (case-lambda [() mode] [(new) (set! mode new)])))
  (hash-set! ends port e)
  (end-join! e (lambda () (close-output-port port)))
  port)

;; ---- the four procedures

(define (name->bytes name)
  (define text (if (bytes? name) name (string->bytes/utf-8 (format "~a" name))))
  (if (and (<= (bytes-length text) 255) (bytes->string/utf-8 text #\?)
           (not (memv 0 (bytes->list text))) (bytes-utf-8-length text))
      text
      #""))

(define (unsafe-file-descriptor->port fd name mode)
  (define who 'unsafe-file-descriptor->port)
  (define modes '(read write text regular-file))
  (unless (exact-integer? fd) (raise-argument-error who "exact-integer?" fd))
  (unless (and (list? mode) (andmap (lambda (m) (memq m modes)) mode))
    (raise-argument-error who "(listof (or/c 'read 'write 'text 'regular-file))" mode))
  (define flags (for/fold ([flags 0]) ([m mode]) (bitwise-ior flags (hash-ref flag-numbers m))))
  (define-values (code input output) (portd_fd_to_port (client) fd (name->bytes name) flags))
  (define w (wrap fd #f #t (checked who code)))
  (define in (and (positive? input) (make-input (make-end who w input) name)))
  (define out (and (positive? output) (make-output (make-end who w output) name)))
  (if (and in out) (values in out) (or in out)))

(define (unsafe-socket->port socket name mode)
  (define who 'unsafe-socket->port)
  (unless (exact-integer? socket) (raise-argument-error who "exact-integer?" socket))
  (unless (bytes? name) (raise-argument-error who "bytes?" name))
  (unless (and (list? mode) (andmap (lambda (m) (eq? m 'no-close)) mode))
    (raise-argument-error who "(listof (or/c 'no-close))" mode))
  (define-values (code input output)
    (portd_socket_to_port (client) socket name (if (pair? mode) (hash-ref flag-numbers 'no-close) 0)))
  (define w (wrap socket #t (null? mode) (checked who code)))
  (define symbol (string->symbol (bytes->string/utf-8 name)))
  (values (make-input (make-end who w input) symbol) (make-output (make-end who w output) symbol)))

(define (number-of who p socket?)
  (define e (hash-ref ends p #f))
  (cond
    [(not e) ((if socket? native:unsafe-port->socket native:unsafe-port->file-descriptor) p)]
    [(end-closed? e) (raise-arguments-error who "the port is closed" "port" p)]
    [else (and (or (not socket?) (wrap-socket? (end-wrap e))) (wrap-number (end-wrap e)))]))

(define (unsafe-port->file-descriptor p) (number-of 'unsafe-port->file-descriptor p #f))
(define (unsafe-port->socket p) (number-of 'unsafe-port->socket p #t))

;; As tcp-addresses with port numbers, which takes Racket's own ports alone: local host and port, peer's host and port.
(define (port-addresses p)
  (define e (hash-ref ends p #f))
  (unless e (raise-argument-error 'port-addresses "a port of this module" p))
  (define local (make-endpoint (ctype-sizeof _endpoint) #f (make-bytes 112) 0))
  (define peer (make-endpoint (ctype-sizeof _endpoint) #f (make-bytes 112) 0))
  (checked 'port-addresses (portd_port_addresses (client) (end-id e) local peer))
  (define (host-of a)
    (define bytes (list->bytes (for/list ([i 112] #:break (zero? (array-ref (endpoint-host a) i))) (array-ref (endpoint-host a) i))))
    (bytes->string/utf-8 bytes #\?))
  (values (host-of local) (endpoint-port local) (host-of peer) (endpoint-port peer)))
