#lang racket/base
;; input.rkt: an input port of Racket over an end.
;;
;; It reads ahead as Racket's own ports do: up to 4096 bytes in mode 'block, what was asked for in mode 'none, and reads of half a buffer or
;; more go past the buffer. Waiting for the port looks at the handle and takes nothing. What has been peeked can be committed, with the
;; events of racket/port.
;;
;; Three layers: `inner` reads and peeks; `source` stands for it and is an event of its own (a port that is made by make-input-port alone would be
;; peeked, which takes bytes from the descriptor, to find out whether it is ready); the port itself is made of the source.

(require ffi/unsafe/atomic ffi/unsafe/schedule "libportd.rkt" "end.rkt")
(provide make-input)

(define buffer-size 4096)

(struct source (port poll)
  #:property prop:input-port (struct-field-index port)
  #:property prop:evt (unsafe-poller (lambda (self wakeups) ((source-poll self) self wakeups))))

;; An event that is polled in atomic mode: poll answers a list with the result, or #f.
(struct polled (poll)
  #:property prop:evt (unsafe-poller
                       (lambda (self wakeups)
                         (define found ((polled-poll self)))
                         (if found (values found #f) (values #f self)))))

(define (make-input e name)
  (define buffer (make-bytes buffer-size))
  (define start 0)
  (define stop 0)
  (define ended? #f) ; the end of the file was met behind what is buffered
  (define mode 'block)
  (define consumed 0)
  (define progress #f) ; posted at the next byte that is consumed; made when somebody asks

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
  ;; Buffers at most so many bytes behind what is there. The count; else what end-read answers.
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
  ;; In mode 'block as much as fits; what needs a larger buffer is read as far as it is wanted.
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
  ;; Leaves atomic mode with what a read or peek has found.
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
      [wakeups (values #f (end-wait e))]
      [else (values #f self)]))

  (define (get-progress)
    (atomically
     (unless progress (set! progress (make-semaphore)))
     (semaphore-peek-evt progress)))

  ;; Consumes what was peeked once done is ready, unless something else was consumed before; the bytes or #f.
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
