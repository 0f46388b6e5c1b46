#lang racket/base
;; input.rkt: a Racket input port on an end.
;;
;; It reads ahead as Racket's own ports do: up to 4096 bytes in mode 'block, only the requested bytes in mode 'none; reads of half a
;; buffer or more bypass the buffer. Waiting for the port polls the handle and takes no bytes. Peeked bytes can be committed, with the
;; events of racket/port.
;;
;; Three layers: `inner` reads and peeks; `source` wraps it and is an event itself (Racket would peek a plain make-input-port to find
;; out whether it is ready, which takes bytes from the descriptor); the port itself is made from the source.

(require ffi/unsafe/atomic ffi/unsafe/schedule "libportd.rkt" "end.rkt")
(provide make-input)

(define buffer-size 4096)

(struct source (port poll)
  #:property prop:input-port (struct-field-index port)
  #:property prop:evt (unsafe-poller (lambda (self wakeups) ((source-poll self) self wakeups))))

;; An event polled in atomic mode: poll returns a list with the result, or #f.
(struct polled (poll)
  #:property prop:evt (unsafe-poller
                       (lambda (self wakeups)
                         (define found ((polled-poll self)))
                         (if found (values found #f) (values #f self)))))

(define (make-input e name)
  (define buffer (make-bytes buffer-size))
  (define start 0)
  (define stop 0)
  (define ended? #f) ; end of file follows the buffered bytes
  (define mode 'block)
  (define consumed 0)
  (define progress #f) ; posted when the next byte is consumed; made on demand

  (define (available) (- stop start))
  (define (consume! n)
    (set! consumed (+ consumed n))
    (progress!))
  (define (progress!)
    (when progress
      (semaphore-post progress)
      (set! progress #f)))
  (define (purge!)
    (set! start 0)
    (set! stop 0)
    (set! ended? #f))
  (define (copy-out! target skip)
    (define n (min (- (available) skip) (bytes-length target)))
    (define from (+ start skip))
    (bytes-copy! target 0 buffer from (+ from n))
    n)
  (define (take-out! target)
    (define n (copy-out! target 0))
    (set! start (+ start n))
    (consume! n)
    n)
  ;; Appends at most so many bytes to the buffer. Returns the count; else the result of end-read.
  (define (append! most)
    (define got (end-read e buffer stop (min (bytes-length buffer) (+ stop most))))
    (cond
      [(number? got) (set! stop (+ stop got))]
      [(eof-object? got) (set! ended? #t)])
    got)
  (define (fill!)
    (set! start 0)
    (set! stop 0)
    (append! (if (eq? mode 'block) (bytes-length buffer) 1)))
  ;; Reads as much as fits in mode 'block; if a larger buffer is needed, only what is requested.
  (define (fill-more! wanted)
    (cond
      [(< stop (bytes-length buffer)) (append! (if (eq? mode 'block) (bytes-length buffer) wanted))]
      [(zero? start)
       (define larger (make-bytes (* 2 (bytes-length buffer))))
       (bytes-copy! larger 0 buffer)
       (set! buffer larger)
       (append! wanted)]
      [else
       (bytes-copy! buffer 0 buffer start stop)
       (set! stop (- stop start))
       (set! start 0)
       (fill-more! wanted)]))
  (define (retry) (wrap-evt (end-wait e) (lambda (_) 0)))
  ;; Leaves atomic mode with the result of a read or peek.
  (define (finish got)
    (define answer (or got (retry)))
    (end-atomic)
    (if (trouble? answer) (raise-stream e "reading from" answer) answer))

  (define (read-in target)
    (start-atomic)
    (finish
     (let again ()
       (cond
         [(positive? (available)) (take-out! target)]
         [ended? (set! ended? #f) eof]
         [(and (eq? mode 'block) (< (bytes-length target) (quotient (bytes-length buffer) 2)))
          (define got (fill!))
          (if (or (number? got) (eof-object? got)) (again) got)]
         [else
          (define got (end-read e target 0 (bytes-length target)))
          (when (number? got) (consume! got))
          got]))))

  (define (peek target skip progress-evt)
    (start-atomic)
    (finish
     (let again ()
       (cond
         [(and progress-evt (sync/timeout 0 progress-evt)) 0]
         [(< skip (available)) (copy-out! target skip)]
         [ended? eof]
         [else
          (define got (fill-more! (+ (- skip (available)) (bytes-length target))))
          (if (number? got) (again) got)]))))

  (define (poll self wakeups)
    (cond
      [(or (positive? (available)) ended? (end-ready? e)) (values (list self) #f)]
      [else (values #f (end-next e self wakeups))]))

  (define (get-progress)
    (atomically
     (unless progress (set! progress (make-semaphore)))
     (semaphore-peek-evt progress)))

  ;; Consumes the peeked bytes once done is ready, unless others were consumed before. Returns the bytes or #f.
  (define (commit n progress-evt done)
    (sync
     (polled
      (lambda ()
        (cond
          [(sync/timeout 0 progress-evt) (list #f)]
          [(sync/timeout 0 done)
           (define taken (make-bytes (min n (available))))
           (if (zero? (bytes-length taken)) (list taken) (begin (take-out! taken) (list taken)))]
          [else #f])))))

  (define (position)
    (define offset (end-position e))
    (add1 (if offset (- offset (available)) consumed)))

  (define (close)
    (define said
      (atomically
       (define said (end-close! e))
       (end-leave! e port)
       (purge!)
       (progress!)
       said))
    (when said (raise-stream e "closing" said))
    (close-input-port inner))

  (define inner (make-input-port name read-in peek void))
  (define stand-in (source inner poll))
  (define port
    (make-input-port name stand-in stand-in close get-progress commit #f void position
                     (case-lambda
                       [() (end-tell e) mode]
                       [(new) (set! mode new)])))
  (end-join! e port close-input-port)
  port)
