#lang racket/base
;; output.rkt: a Racket output port on an end.
;;
;; It buffers 4096 bytes as Racket's own ports do, in mode 'line up to the end of a line, in mode 'none nothing. When the buffer is full,
;; the port's procedures return an event to wait for, so that no lock is held meanwhile. Bytes that could not be written are dropped
;; when the error is raised.

(require ffi/unsafe/atomic ffi/unsafe/schedule "libportd.rkt" "end.rkt")
(provide make-output)

(define buffer-size 4096)

(struct writing (poll) #:property prop:evt (unsafe-poller (lambda (self wakeups) ((writing-poll self) self))))

(define (make-output e name)
  (define w (end-wrap e))
  (define buffer (make-bytes buffer-size))
  (define start 0)
  (define stop 0)
  (define mode (if (and (not (wrap-socket? w)) (isatty (wrap-number w))) 'line 'block))
  (define accepted 0)
  (define open? #f) ; #t from a buffered write in mode 'block to the next flush: bytes that fit are buffered whatever the mode
  (define again (wrap-evt (end-evt e) (lambda (_) #f)))

  (define (purge!)
    (set! start 0)
    (set! stop 0))
  ;; Writes once. #t: the buffer is empty; #f: wait for the end; or the trouble.
  (define (flush!)
    (cond
      [(= start stop) #t]
      [else
       (define n (end-write e buffer start stop))
       (cond
         [(trouble? n) (purge!) n]
         [(not n) #f]
         [(= (+ start n) stop) (purge!) #t]
         [else (set! start (+ start n)) #f])]))
  (define (keep! source from to)
    (define n (min (- to from) (- buffer-size stop)))
    (bytes-copy! buffer stop source from (+ from n))
    (set! stop (+ stop n))
    n)
  ;; In atomic mode. Returns a count, #f to wait for the end, or the trouble.
  (define (put! source from to direct?)
    (define kept? (and open? (< stop buffer-size)))
    (set! open? #f)
    (cond
      [(= from to)
       (define flushed (flush!))
       (if (eq? flushed #t) 0 flushed)]
      [(or kept? (and (not direct?) (not (eq? mode 'none)) (< stop buffer-size)))
       (set! open? (or kept? (eq? mode 'block)))
       (keep! source from to)]
      [else
       (define flushed (flush!))
       (if (eq? flushed #t) (end-write e source from to) flushed)]))
  (define (count! n)
    (when (number? n) (set! accepted (+ accepted n)))
    n)
  ;; Not in atomic mode. Writes until the buffer is empty or the port is closed.
  (define (flush-all breakable?)
    (define flushed (atomically (set! open? #f) (or (end-closed? e) (flush!))))
    (cond
      [(trouble? flushed) (raise-stream e "writing to" flushed)]
      [(not flushed)
       ((if breakable? sync/enable-break sync) again)
       (flush-all breakable?)]))
  (define (ends-line? source from to) (for/or ([b (in-bytes source from to)]) (or (eqv? b 10) (eqv? b 13))))

  (define (write-out source from to direct? breakable?)
    (define n (atomically (count! (put! source from to direct?))))
    (cond
      [(trouble? n) (raise-stream e "writing to" n)]
      [(not n) again]
      [(and (eq? mode 'line) (not direct?) (positive? n) (ends-line? source from (+ from n)))
       (flush-all breakable?)
       n]
      [else n]))

  ;; An event: when it is chosen, the bytes have been written.
  (define (get-write-evt source from to)
    (wrap-evt
     (writing (lambda (self)
                (set! open? #f)
                (define n (count! (put! source from to (eq? mode 'line))))
                (if n (values (list n) #f) (values #f (replace-evt (end-evt e) (lambda (_) self))))))
     (lambda (n) (if (trouble? n) (raise-stream e "writing to" n) n))))

  (define (position)
    (define offset (end-position e))
    (add1 (if offset (+ offset (- stop start)) accepted)))

  ;; Sockets are not flushed when the program ends, as in Racket.
  (define at-exit
    (and (not (wrap-socket? w)) (plumber-add-flush! (current-plumber) (lambda (_) (flush-all #f)))))

  (define (close)
    (flush-all #f)
    (define said
      (atomically
       (define said (end-close! e))
       (end-leave! e port)
       (purge!)
       said))
    (when at-exit (plumber-flush-handle-remove! at-exit))
    (when said (raise-stream e "closing" said)))

  (define port
    (make-output-port name (end-evt e) write-out close #f get-write-evt #f #f void position
                      (case-lambda
                        [() (end-tell e) mode]
                        [(new) (set! mode new)])))
  (end-join! e port close-output-port)
  port)
