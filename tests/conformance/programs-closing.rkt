#lang racket/base
;; programs-closing.rkt: ports that are closed, by whom, and what becomes of those who are blocked; threads that are broken, killed or suspended.
(require racket/list racket/port "program.rkt")

(define (drain fd) (let loop () (unless (eq? (get fd) 'none) (loop))))
(define (pending r) (let ([got (get r)]) (if (bytes? got) (bytes-length got) got)))

;; An output port on a pipe that is full, with so much in its buffer.
(define (stuck text)
  (define-values (r w) (new-pipe))
  (define o (out-port w))
  (fill! w)
  (write-bytes text o)
  (values r w o))

;; ---- closed

(define-program closed-input
  (define-values (r w) (new-pipe))
  (define p (in-port r 'name))
  (close-input-port p)
  (see (port-closed? p) (close-input-port p) (ready p) (ready (port-closed-evt p)) (caught (read-byte p)) (caught (peek-byte p)) (caught (byte-ready? p))
       (caught (file-position p)) (caught (file-stream-buffer-mode p)) (caught (read-bytes 0 p)) (object-name p)
       (caught (read-line p)) (caught (port->bytes p))))

(define-program closed-output
  (define-values (r w) (new-pipe))
  (define p (out-port w "name"))
  (write-bytes #"x" p)
  (close-output-port p)
  (see (port-closed? p) (close-output-port p) (ready p) (caught (write-byte 1 p)) (caught (flush-output p)) (caught (write-bytes-avail* #"a" p))
       (caught (file-position p)) (caught (file-stream-buffer-mode p 'none)) (get r) (get r)))

(define-program close-while-reading
  (define (closing read)
    (define-values (r w) (new-pipe))
    (define p (in-port r))
    (define j (start (read p)))
    (settle)
    (close-input-port p)
    (outcome j))
  (see (closing read-byte) (closing peek-byte) (closing (lambda (p) (read-bytes 10 p))) (closing read-line) (closing port->string)
       (closing (lambda (p) (read-bytes-avail! (make-bytes 3) p))) (closing (lambda (p) (eq? p (sync p))))
       (closing (lambda (p) (sync (read-bytes-evt 2 p))))))

(define-program close-while-reading-partly
  (define-values (r w) (new-pipe))
  (define p (in-port r))
  (define j (start (read-bytes 10 p)))
  (put w #"abc")
  (see (after j) (close-input-port p) (outcome j)))

(define-program close-drops-buffer
  (define-values (r w) (new-pipe))
  (define d (new-dup r))
  (define p (in-port r))
  (put w #"abc")
  (see (peek-byte p) (close-input-port p) (caught (read-byte p)) (get d)))

(define-program number-closed-underneath
  (define-values (r w) (new-pipe))
  (define p (in-port r))
  (define-values (r2 w2) (new-pipe))
  (define o (out-port w2))
  (shut r)
  (shut w2)
  (see (caught (close-input-port p)) (port-closed? p) (caught (close-input-port p)) (port-closed? p) (caught (close-output-port o))))

(define-program close-drops-unread
  (define-values (a b) (new-pair))
  (define-values (i o) (fd->port a 'a '(read write)))
  (put b #"abc")
  (see (peek-byte i) (close-input-port i) (ready o))
  (write-bytes #"z" o)
  (close-output-port o)
  (gone a)
  (see (wait-for b) (get b) (wait-for b) (get b))
  (define-values (c d) (new-pair))
  (define-values (i2 o2) (fd->port c 'c '(read write)))
  (put d #"never read")
  (close-input-port i2)
  (close-output-port o2)
  (gone c)
  (see (wait-for d) (get d)))

(define-program close-twice-at-once
  (define-values (r w o) (stuck #"abc"))
  (define jobs (list (start (close-output-port o)) (start (close-output-port o))))
  (see (map after jobs))
  (drain r)
  (gone w)
  (see (map outcome jobs) (get r)))

(define-program close-and-write
  (define-values (r w o) (stuck #"abc"))
  (define j (start (close-output-port o)))
  (settle)
  (define k (start (write-bytes #"def" o)))
  (see (after k))
  (drain r)
  (gone w)
  (see (outcome j) (outcome k) (get r)))

(define-program close-killed
  (define-values (r w o) (stuck #"abc"))
  (define j (start (close-output-port o)))
  (settle)
  (kill-thread (job-thread j))
  (see (port-closed? o))
  (drain r)
  (see (close-output-port o) (get r) (open? w))
  (gone w))

(define-program flush-and-close-broken
  (define-values (r w o) (stuck #"abc"))
  (define j (start (flush-output o)))
  (settle)
  (break-thread (job-thread j))
  (see (exn:break? (outcome j)))
  (define k (start (close-output-port o)))
  (settle)
  (break-thread (job-thread k))
  (see (exn:break? (outcome k)) (port-closed? o) (open? w))
  (drain r)
  (see (close-output-port o) (get r))
  (gone w))

(define-program write-closed-while-blocked
  (define-values (r w) (new-pipe))
  (define o (out-port w))
  (fill! w)
  (file-stream-buffer-mode o 'none)
  (define j (start (write-bytes #"abc" o)))
  (see (after j) (close-output-port o) (outcome j)))

(define-program write-killed-while-blocked
  (define-values (r w) (new-pipe))
  (define o (out-port w))
  (fill! w)
  (define j (start (begin (write-bytes (make-bytes 5000 97) o) (flush-output o))))
  (see (after j))
  (kill-thread (job-thread j))
  (drain r)
  (define k (start (begin (write-bytes #"after" o) (flush-output o) 'done)))
  (see (outcome k) (let ([got (get r)]) (subbytes got (- (bytes-length got) 5)))))

(define-program write-broken-by-break
  (define-values (r w) (new-pipe))
  (define o (out-port w))
  (fill! w)
  (define j (start (write-bytes (make-bytes 9000 97) o)))
  (see (after j))
  (break-thread (job-thread j))
  (see (exn:break? (outcome j)))
  (drain r)
  (see (begin (flush-output o) (pending r))))

;; ---- custodians

(define-program custodian-closes
  (define c (make-custodian))
  (define-values (a b) (new-pair))
  (define-values (i o) (parameterize ([current-custodian c]) (fd->port a 'p '(read write))))
  (write-bytes #"lost" o)
  (define j (start (read-byte i)))
  (see (after j))
  (custodian-shutdown-all c)
  (gone a)
  (see (outcome j) (port-closed? i) (port-closed? o) (open? a) (get b) (close-output-port o)))

(define-program custodian-after-close
  (define c (make-custodian))
  (define-values (r w) (new-pipe))
  (define p (parameterize ([current-custodian c]) (in-port r)))
  (close-input-port p)
  (define-values (r2 w2) (new-pipe)) ; the number again
  (custodian-shutdown-all c)
  (see (open? r2) (= r r2)))

(define-program custodian-of-thread
  (define-values (r w) (new-pipe))
  (define p (in-port r))
  (define c (make-custodian))
  (define j (parameterize ([current-custodian c]) (start (read-byte p))))
  (settle)
  (custodian-shutdown-all c)
  (put w #"z")
  (see (thread-dead? (job-thread j)) (read-byte p)))

(define-program custodian-of-custodian
  (define outer (make-custodian))
  (define inner (make-custodian outer))
  (define-values (r w) (new-pipe))
  (define p (parameterize ([current-custodian inner]) (in-port r)))
  (see (map (lambda (v) (eq? v p)) (custodian-managed-list inner outer)))
  (custodian-shutdown-all outer)
  (gone r)
  (see (port-closed? p) (ready p) (caught (read-byte p)))
  (define o (parameterize ([current-custodian inner]) (out-port w)))
  (see (port-closed? o) (caught (begin (write-bytes #"x" o) (flush-output o))) (open? w)))

;; ---- threads

(define-program break-while-reading
  (define-values (r w) (new-pipe))
  (define p (in-port r))
  (define j (start (read-bytes 3 p)))
  (put w #"a")
  (settle)
  (break-thread (job-thread j))
  (see (exn:break? (outcome j)))
  (put w #"b")
  (see (read-byte p))
  (define k (start (parameterize-break #f (read-bytes-avail!/enable-break (make-bytes 1) p))))
  (settle)
  (break-thread (job-thread k))
  (see (exn:break? (outcome k)))
  (put w #"c")
  (see (read-byte p)))

(define-program kill-while-reading
  (define-values (r w) (new-pipe))
  (define p (in-port r))
  (define jobs (for/list ([_ 4]) (start (read-byte p))))
  (settle)
  (for ([j (take jobs 3)]) (kill-thread (job-thread j)))
  (put w #"a")
  (see (outcome (last jobs))))

(define-program readers-share
  (define-values (r w) (new-pipe))
  (define p (in-port r))
  (define jobs (for/list ([_ 4]) (start (let loop ([n 0]) (if (eof-object? (read-byte p)) n (loop (add1 n)))))))
  (for ([_ 20]) (put w (make-bytes 100)) (sleep 0))
  (shut w)
  (see (apply + (map outcome jobs))))

(define-program suspend-while-reading
  (define-values (r w) (new-pipe))
  (define p (in-port r))
  (define j (start (read-byte p)))
  (settle)
  (thread-suspend (job-thread j))
  (put w #"ab")
  (see (after j) (read-byte p))
  (thread-resume (job-thread j))
  (see (outcome j)))

(define-program suspend-while-waiting
  (define-values (r w) (new-pipe))
  (define s (fd->semaphore r 'read))
  (define e (fd->evt r 'read))
  (define j (start (begin (sync s) (sync e) 'woke)))
  (settle)
  (thread-suspend (job-thread j))
  (put w)
  (see (sema s) (after j) (get r))
  (thread-resume (job-thread j))
  (see (after j))
  (put w)
  (see (outcome j)))

(define-program break-does-not-reach
  (define-values (r w o) (stuck #""))
  (define j (start (parameterize-break #f (write-bytes (make-bytes 9000) o))))
  (settle)
  (break-thread (job-thread j))
  (see (after j))
  (define k (start (parameterize-break #f (write-bytes-avail/enable-break (make-bytes 10000) o))))
  (settle)
  (break-thread (job-thread k))
  (see (exn:break? (outcome k))))

;; ---- collected

(define-program collected-port
  (define-values (r w) (new-pipe))
  (in-port r)
  (collect-garbage)
  (collect-garbage)
  (see (open? r)))

(define-program collected-when-over
  (define-values (r w) (new-pipe))
  (define s (make-weak-box (fd->semaphore r 'read)))
  (define e (make-weak-box (fd->evt r 'read)))
  (define p (make-weak-box (in-port (new-dup r))))
  (define (there) (map (lambda (b) (and (weak-box-value b) #t)) (list s e p)))
  (collect-garbage)
  (see (there))
  (close-input-port (weak-box-value p))
  (put w)
  (see (soon? (semaphore-peek-evt (weak-box-value s))))
  (fd->evt r 'remove)
  (for ([_ 3]) (settle) (collect-garbage))
  (see (there)))
