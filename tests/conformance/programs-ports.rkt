#lang racket/base
;; programs-ports.rkt: bytes through ports, buffers, positions, events of racket/port, what ports are.
(require racket/port racket/list "program.rkt")

;; ---- reading

(define-program read-calls
  (define-values (r w) (new-pipe))
  (define p (in-port r))
  (put w #"abcdefghij")
  (see (read-byte p) (peek-byte p) (peek-byte p 2) (peek-bytes 3 1 p) (read-bytes 2 p))
  (define b (make-bytes 4 46))
  (see (peek-bytes-avail! b 0 #f p) b (read-bytes-avail! b p 1 3) b (read-bytes-avail!* b p) b (read-bytes-avail!* b p)
       (peek-bytes-avail!* b 0 #f p) (read-bytes 0 p)))

(define-program read-avail
  (define-values (r w) (new-pipe))
  (define p (in-port r))
  (define b (make-bytes 8 46))
  (see (read-bytes-avail!* b p) (peek-bytes-avail!* b 0 #f p))
  (put w #"one")
  (see (peek-bytes-avail!* b 0 #f p) (peek-bytes-avail!* b 2 #f p) (peek-bytes-avail!* b 3 #f p) (read-bytes-avail!* b p) b)
  (shut w)
  (see (read-bytes-avail!* b p) (peek-bytes-avail! b 5 #f p)))

(define-program read-text
  (define-values (r w) (new-pipe))
  (define p (in-port r))
  (put w #"line one\r\nline two\nlast")
  (see (read-line p) (read-line p) (read-char p) (peek-char p) (peek-string 2 0 p))
  (shut w)
  (see (read-line p) (read-line p) (read-char p)))

(define-program read-split-character
  (define-values (r w) (new-pipe))
  (define p (in-port r))
  (put w #"\316")
  (define j (start (read-char p)))
  (see (char-ready? p) (after j))
  (put w #"\273")
  (see (outcome j)))

(define-program read-datum
  (define-values (r w) (new-pipe))
  (define p (in-port r))
  (put w #"(a . \"b\") 12 ")
  (define (datum) (parameterize ([current-input-port p]) (read-syntax 'p p)))
  (see (syntax->datum (datum)) (syntax->datum (datum))))

(define-program read-end-twice
  (define-values (r w) (new-pipe))
  (define p (in-port r))
  (put w #"a")
  (shut w)
  (see (peek-byte p 1) (read-bytes 5 p) (peek-byte p) (read-byte p) (read-byte p) (byte-ready? p) (char-ready? p)))

(define-program read-end-of-terminal
  (define-values (m s) (new-pty))
  (define p (in-port m))
  (put s #"hi")
  (see (read-bytes 2 p))
  (shut s)
  (see (caught (read-byte p))))

(define-program read-end-is-passing
  ;; a fifo of which a second writer comes after the first has gone: the end of the file is met once for each
  (define-values (a b) (new-pair))
  (define p (in-port a))
  (put b #"1")
  (shutdown b 1)
  (see (read-byte p) (read-byte p) (peek-byte p) (read-byte p)))

(define-program read-large
  (define-values (r w) (new-pipe))
  (define p (in-port r))
  (define o (out-port w))
  (define text (apply bytes-append (for/list ([i 3000]) (string->bytes/utf-8 (format "line ~a of the text\n" i)))))
  (define writer (start (begin (write-bytes text o) (close-output-port o) 'written)))
  (see (equal? (port->bytes p) text) (outcome writer)))

(define-program read-ahead-stops
  ;; how much is taken from the descriptor: a buffer for little, what was asked for from half a buffer on
  (define (left wanted mode)
    (define-values (r w) (new-pipe))
    (define p (in-port r))
    (file-stream-buffer-mode p mode)
    (put w (make-bytes 10000))
    (read-bytes wanted p)
    (bytes-length (get r)))
  (see (left 1 'block) (left 2047 'block) (left 2048 'block) (left 5000 'block) (left 1 'none) (left 3000 'none)))

(define-program peek-ahead-stops
  (define (left skip wanted mode)
    (define-values (r w) (new-pipe))
    (define p (in-port r))
    (file-stream-buffer-mode p mode)
    (put w (make-bytes 20000))
    (peek-bytes wanted skip p)
    (bytes-length (get r)))
  (see (left 0 1 'block) (left 5000 1 'block) (left 0 6000 'block) (left 0 1 'none) (left 100 10 'none)))

(define-program looking-takes-nothing
  (define-values (r w) (new-pipe))
  (define p (in-port r))
  (see (ready p))
  (put w #"abc")
  (see (ready p) (eq? p (sync p)) (get r) (ready p)))

(define-program looking-at-full-pipe
  (define-values (r w) (new-pipe))
  (define p (in-port r))
  (define o (out-port w))
  (fill! w)
  (see (ready p) (ready o) (ready p) (ready o)))

(define-program buffered-is-ready
  (define-values (r w) (new-pipe))
  (define p (in-port r))
  (put w #"abc")
  (see (peek-byte p) (ready (fd->evt r 'read)) (sema (fd->semaphore r 'read)) (ready p) (byte-ready? p) (read-bytes 3 p) (ready p)))

(define-program mode-none-after-block
  (define-values (r w) (new-pipe))
  (define p (in-port r))
  (put w #"abcdef")
  (see (read-byte p))
  (file-stream-buffer-mode p 'none)
  (put w #"ghi")
  (see (file-stream-buffer-mode p) (read-bytes 7 p) (get r)))

(define-program count-lines
  (define-values (r w) (new-pipe))
  (define p (in-port r))
  (port-count-lines! p)
  (put w #"ab\ncd\316\273e")
  (define (where) (call-with-values (lambda () (port-next-location p)) list))
  (see (where))
  (read-bytes 4 p)
  (see (where) (port-counts-lines? p))
  (read-char p)
  (read-char p)
  (see (where) (file-position p)))

(define-program positions-of-pipe
  (define-values (r w) (new-pipe))
  (define i (in-port r))
  (define o (out-port w))
  (write-bytes #"hello" o)
  (see (file-position o) (file-position i))
  (flush-output o)
  (see (file-position o) (peek-byte i) (file-position i) (read-bytes 2 i) (file-position i) (file-position* i)))

(define-program positions-of-file
  (define fd (keep (make-memory #"some content")))
  (define-values (i o) (fd->port fd 'f '(read write)))
  (see (file-position i) (read-bytes 4 i) (file-position i) (lseek fd 0 1))
  (lseek fd 0 0)
  (write-bytes #"SOME" o)
  (see (file-position o))
  (flush-output o)
  (see (file-position o) (lseek fd 0 1)))

(define-program file-regular
  (define fd (keep (make-memory #"some content")))
  (define i (fd->port fd 'f '(read regular-file)))
  (see (ready i) (read-bytes 4 i) (port->bytes i) (ready i) (read-byte i)))

(define-program file-append
  (define fd (keep (make-memory #"")))
  (define o (fd->port fd 'f '(write)))
  (write-bytes (make-bytes 5000 97) o)
  (see (lseek fd 0 1))
  (flush-output o)
  (see (lseek fd 0 1) (ready o)))

(define-program two-wraps-one-number
  (define-values (r w) (new-pipe))
  (define p (in-port r))
  (define q (in-port r))
  (file-stream-buffer-mode p 'none)
  (file-stream-buffer-mode q 'none)
  (put w #"abcd")
  (see (eq? p q) (read-byte p) (read-byte q) (read-byte p) (= (port->fd p) (port->fd q) r))
  (see (read-byte q)))

(define-program reading-the-rest-of-another
  (define-values (r w) (new-pipe))
  (define p (in-port r))
  (define q (in-port (new-dup r)))
  (put w #"abcd")
  (see (read-byte p))
  (put w #"ef")
  (see (read-byte q) (read-bytes 3 p) (read-byte q)))

(define-program library-of-ports
  (define-values (r w) (new-pipe))
  (define p (in-port r))
  (put w #"one\ntwo\nthree\n")
  (define limited (make-limited-input-port p 4 #f))
  (see (port->string limited))
  (define peeking (peeking-input-port p))
  (see (read-line peeking) (read-line p))
  (shut w)
  (define to (open-output-bytes))
  (copy-port p to)
  (see (get-output-bytes to) (read-byte p)))

(define-program append-and-dup
  (define-values (r w) (new-pipe))
  (define-values (r2 w2) (new-pipe))
  (put w #"first ")
  (put w2 #"second")
  (shut w)
  (shut w2)
  (see (port->string (input-port-append #f (in-port r) (dup-input-port (in-port r2))))))

(define-program read-adapted
  (define-values (r w) (new-pipe))
  (define p (in-port r))
  (define o (out-port w))
  (define latin (reencode-output-port o "latin1"))
  (write-string "h\u00e9\n" latin)
  (flush-output latin)
  (see (read-line (reencode-input-port p "latin1")))
  (define d (dup-output-port o))
  (write-string "x y z\n1 2\n" d)
  (flush-output d)
  (see (read-line (relocate-input-port p 1 0 1)))
  (define merged (merge-input p (open-input-string "tail")))
  (see (let ([b (make-bytes 4)]) (read-bytes! b merged) b)))

(define-program copied-to-two
  (define-values (r w) (new-pipe))
  (define-values (r2 w2) (new-pipe))
  (define-values (r3 w3) (new-pipe))
  (define i (in-port r))
  (define outs (list (out-port w2) (out-port w3)))
  (define j (start (begin (apply copy-port i outs) 'copied)))
  (put w (make-bytes 3000 97))
  (shut w)
  (see (outcome j))
  (for-each flush-output outs)
  (see (bytes-length (get r2)) (bytes-length (get r3))))

(define-program peek-over-the-end
  (define-values (r w) (new-pipe))
  (define p (in-port r))
  (put w #"ab")
  (define j (start (peek-bytes 2 5 p)))
  (see (after j) (put w #"cdefgh") (outcome j) (peek-byte p 7))
  (shut w)
  (see (peek-byte p 8) (peek-bytes 3 6 p) (peek-bytes 3 8 p) (read-bytes 20 p)))

(define-program read-past-a-writer
  ;; a second writer comes after the first has gone: the end of the file is met once for each
  (define path (make-fifo))
  (define (writer) (open (bytes-append path #"\0") 1))
  (define p (in-port (keep (open (bytes-append path #"\0") O_NONBLOCK))))
  (define w (writer))
  (put w #"a")
  (close w)
  (see (read-byte p) (peek-byte p) (peek-byte p))
  (define again (keep (writer)))
  (see (put again #"b") (read-byte p) (read-byte p))
  (delete-file (bytes->path path)))

(define-program read-strings
  (define-values (r w) (new-pipe))
  (define p (in-port r))
  (define o (out-port w))
  (define text (make-string 3000 #\λ))
  (define j (start (begin (write-string text o) (flush-output o) 'written)))
  (see (equal? text (read-string 3000 p)) (outcome j)))

(define-program read-special
  (define-values (r w) (new-pipe))
  (define p (in-port r))
  (put w #"abc")
  (see (read-byte-or-special p) (peek-byte-or-special p) (read-char-or-special p) (peek-char-or-special p)))

(define-program ports-as-events
  (define-values (r w) (new-pipe))
  (define p (in-port r))
  (define o (out-port w))
  (see (sync (wrap-evt o (lambda (v) (eq? v o)))) (sync/timeout 0 (wrap-evt p (lambda (v) (eq? v p)))))
  (put w)
  (see (sync (handle-evt p (lambda (v) (read-byte v)))) (for/and ([_ 100]) (not (sync/timeout 0 p)))))

;; ---- events of racket/port

(define-program evt-read-bytes
  (define-values (r w) (new-pipe))
  (define p (in-port r))
  (define e (read-bytes-evt 4 p))
  (put w #"ab")
  (see (sync/timeout 0.01 e) (port-provides-progress-evts? p))
  (put w #"cdef")
  (see (sync/timeout 2 e) (read-bytes 2 p)))

(define-program evt-read-line
  (define-values (r w) (new-pipe))
  (define p (in-port r))
  (define j (start (sync (read-line-evt p 'any))))
  (put w #"par")
  (see (after j))
  (put w #"t\nnext")
  (see (outcome j) (read-bytes 4 p)))

(define-program evt-loser-keeps-bytes
  (define-values (r w) (new-pipe))
  (define p (in-port r))
  (put w #"xyz")
  (see (sync (handle-evt always-evt (lambda (_) 'always)))
       (let ([b (make-bytes 3)]) (sync/timeout 0.01 (choice-evt (read-bytes-evt 5 p) (wrap-evt never-evt values))))
       (read-bytes 3 p)))

(define-program evt-peek-and-eof
  (define-values (r w) (new-pipe))
  (define p (in-port r))
  (put w #"abc")
  (see (sync/timeout 2 (peek-bytes-evt 2 1 #f p)) (sync/timeout 0 (eof-evt p)))
  (shut w)
  (see (read-bytes 3 p) (sync/timeout 2 (eof-evt p))))

(define-program evt-regexp
  (define-values (r w) (new-pipe))
  (define p (in-port r))
  (put w #"key: val")
  (define j (start (sync (regexp-match-evt #rx#"k(..): (val[^\n]*)\n" p))))
  (see (after j))
  (put w #"ue\nmore")
  (see (outcome j) (read-bytes 4 p)))

(define-program evt-read-avail
  (define-values (r w) (new-pipe))
  (define p (in-port r))
  (define b (make-bytes 5 46))
  (define j (start (sync (read-bytes-avail!-evt b p))))
  (see (after j))
  (put w #"ab")
  (see (outcome j) b))

(define-program evt-two-readers
  (define-values (r w) (new-pipe))
  (define p (in-port r))
  (define j (start (sync (read-bytes-evt 3 p))))
  (define k (start (sync (read-bytes-evt 3 p))))
  (see (after j))
  (put w #"abcdef")
  (see (sort (list (outcome j) (outcome k)) bytes<?)))

(define-program commit-peeked
  (define-values (r w) (new-pipe))
  (define p (in-port r))
  (put w #"abcdef")
  (peek-bytes 6 0 p)
  (define e (port-progress-evt p))
  (see (ready e) (port-commit-peeked 2 e always-evt p) (ready e) (port-commit-peeked 2 e always-evt p) (read-bytes 4 p)))

(define-program commit-waits
  (define-values (r w) (new-pipe))
  (define p (in-port r))
  (put w #"abcdef")
  (peek-byte p)
  (define s (make-semaphore))
  (define j (let ([e (port-progress-evt p)]) (start (port-commit-peeked 3 e s p))))
  (see (after j))
  (semaphore-post s)
  (see (outcome j) (read-byte p))
  (define k (let ([e (port-progress-evt p)]) (start (port-commit-peeked 3 e never-evt p))))
  (see (after k) (read-byte p) (outcome k) (read-byte p)))

(define-program commit-by-channel
  (define-values (r w) (new-pipe))
  (define p (in-port r))
  (put w #"abcdef")
  (peek-byte p)
  (define c (make-channel))
  (define j (let ([e (port-progress-evt p)]) (start (port-commit-peeked 2 e (channel-put-evt c 'done) p))))
  (see (after j) (channel-get c) (outcome j))
  (define k (let ([e (port-progress-evt p)]) (start (port-commit-peeked 2 e c p))))
  (see (after k))
  (channel-put c 'go)
  (see (outcome k) (read-bytes 2 p)))

(define-program commit-when-closed
  (define-values (r w) (new-pipe))
  (define p (in-port r))
  (put w #"abc")
  (peek-byte p)
  (define e (port-progress-evt p))
  (close-input-port p)
  (see (ready e) (port-commit-peeked 1 e always-evt p) (ready (port-closed-evt p))))

;; ---- writing

(define (pending r) (let ([got (get r)]) (if (bytes? got) (bytes-length got) got)))

(define-program write-sizes
  (define (sizes . pieces)
    (define-values (r w) (new-pipe))
    (define o (out-port w))
    (append (for/list ([n pieces]) (write-bytes (make-bytes n) o) (pending r))
            (begin (flush-output o) (list (pending r)))))
  (see (sizes 1) (sizes 4095 1 1) (sizes 4096 4096) (sizes 5000) (sizes 10000) (sizes 100 4096) (sizes 4096 1 1) (sizes 3000 3000)))

(define-program write-mode-none
  (define-values (r w) (new-pipe))
  (define o (out-port w))
  (write-bytes #"kept" o)
  (file-stream-buffer-mode o 'none)
  (see (get r))
  (write-bytes #" now" o)
  (see (get r) (file-stream-buffer-mode o))
  (write-char #\a o)
  (see (get r)))

(define-program write-mode-line
  (define-values (r w) (new-pipe))
  (define o (out-port w))
  (file-stream-buffer-mode o 'line)
  (write-bytes #"ab" o)
  (see (get r))
  (write-bytes #"c\nd" o)
  (see (get r))
  (write-bytes #"e" o)
  (see (get r))
  (write-bytes #"f\rg" o)
  (see (get r))
  (newline o)
  (see (get r)))

(define-program write-terminal
  (define-values (m s) (new-pty))
  (define o (out-port s))
  (define i (in-port m))
  (see (file-stream-buffer-mode o) (file-stream-buffer-mode i))
  (display "a b" o)
  (see (ready i))
  (newline o)
  (see (read-line i)))

(define-program write-avail
  (define-values (r w) (new-pipe))
  (define o (out-port w))
  (see (write-bytes-avail #"abc" o) (get r) (write-bytes-avail* #"de" o) (get r) (write-bytes #"kept" o) (write-bytes-avail #"direct" o) (get r)
       (write-bytes-avail #"" o) (write-bytes-avail* (make-bytes 100000) o))
  (see (write-bytes-avail* #"x" o) (write-bytes-avail* #"" o)))

(define-program write-evt
  (define-values (r w) (new-pipe))
  (define o (out-port w))
  (see (port-writes-atomic? o))
  (see (sync (write-bytes-avail-evt #"abc" o)) (get r))
  (flush-output o)
  (see (get r))
  (file-stream-buffer-mode o 'none)
  (see (sync (write-bytes-avail-evt #"de" o 1)) (get r)))

(define (drain fd) (let loop () (unless (eq? (get fd) 'none) (loop))))

(define-program write-blocks
  (define-values (r w) (new-pipe))
  (define o (out-port w))
  (define p (in-port r))
  (define j (start (begin0 (write-bytes (make-bytes 200000 97) o) (flush-output o))))
  (see (after j) (bytes-length (read-bytes 200000 p)) (outcome j)))

(define-program write-lines-of-threads
  (define-values (r w) (new-pipe))
  (define o (out-port w))
  (file-stream-buffer-mode o 'line)
  (define jobs (for/list ([n 5]) (start (for ([k 20]) (fprintf o "~a~a\n" n (make-string 30 #\.))))))
  (for-each outcome jobs)
  (see (length (regexp-match* #rx#"\n" (get r)))))

(define-program write-handler
  (define-values (r w) (new-pipe))
  (define o (out-port w))
  (port-display-handler o (lambda (v p) (write-bytes #"<>" p)))
  (display "x" o)
  (flush-output o)
  (see (get r)))

(define-program write-two-threads
  (define-values (r w) (new-pipe))
  (define o (out-port w))
  (define p (in-port r))
  (define jobs (for/list ([b '(97 98 99)]) (start (begin0 (write-bytes (make-bytes 50000 b) o) (flush-output o)))))
  (define got (read-bytes 150000 p))
  (see (map outcome jobs) (for/list ([b '(97 98 99)]) (for/sum ([g got]) (if (= g b) 1 0)))))

(define-program write-nonblocking-descriptor
  (define-values (r w) (new-pipe))
  (fcntl w 4 (bitwise-ior (fcntl w 3 0) O_NONBLOCK))
  (fcntl r 4 (bitwise-ior (fcntl r 3 0) O_NONBLOCK))
  (define (flags) (list (bitwise-and (fcntl r 3 0) O_NONBLOCK) (bitwise-and (fcntl w 3 0) O_NONBLOCK)))
  (define o (out-port w))
  (define p (in-port r))
  (define j (start (read-byte p)))
  (see (flags) (after j))
  (write-byte 65 o)
  (flush-output o)
  (see (outcome j) (flags))
  (fill! w)
  (fcntl w 4 (bitwise-ior (fcntl w 3 0) O_NONBLOCK))
  (write-byte 66 o)
  (define k (start (flush-output o)))
  (see (after k))
  (drain r)
  (see (outcome k) (get r) (flags)))

(define-program write-broken-pipe
  (define-values (r w) (new-pipe))
  (define o (out-port w))
  (shut r)
  (write-bytes #"abc" o)
  (see (ready o) (caught (flush-output o)) (caught (flush-output o)) (caught (write-bytes (make-bytes 5000) o)) (caught (write-bytes-avail #"x" o))
       (caught (sync (write-bytes-avail-evt #"y" o))) (caught (close-output-port o)) (port-closed? o)))

;; ---- buffers that nobody flushed

(define-program plumbers
  (define-values (r w) (new-pipe))
  (define plumber (make-plumber))
  (define o (parameterize ([current-plumber plumber]) (out-port w)))
  (write-bytes #"abc" o)
  (plumber-flush-all (current-plumber))
  (see (get r))
  (plumber-flush-all plumber)
  (see (get r))
  (close-output-port o)
  (plumber-flush-all plumber))

(define-program output-port-parameter
  (define-values (r w) (new-pipe))
  (define o (out-port w))
  (parameterize ([current-output-port o])
    (printf "~a-~s" 1 "two")
    (see (get r))
    (flush-output))
  (see (get r)))

;; ---- what ports are

(define-program kinds-of-ports
  (define-values (r w) (new-pipe))
  (define-values (m s) (new-pty))
  (define i (in-port r))
  (define o (out-port w))
  (see (input-port? i) (output-port? i) (input-port? o) (port-counts-lines? i) (port-closed? o) (terminal-port? i) (terminal-port? o)
       (port-writes-atomic? o) (port-provides-progress-evts? i) (evt? i) (port-waiting-peer? o)
       (file-stream-buffer-mode i) (file-stream-buffer-mode o) (caught (file-stream-buffer-mode i 'line)) (caught (file-stream-buffer-mode i 'x))))

(define-program names
  (struct thing (x) #:transparent)
  (define given (list 'sym "str" "" #"bytes" #f 12 (string->path "/a/b") '(a "b") "λ ☃" (thing 1) (make-string 400 #\x) "a\0b" (void) car))
  (define-values (r w) (new-pipe))
  (for ([name given])
    (define p (fd->port (dup r) name '(read)))
    (see (eq? (object-name p) name))
    (close-input-port p))
  (for ([name (list 'sym "str" "" #"bytes" #f "λ ☃" '(a "b"))])
    (define p (fd->port (dup r) name '(read)))
    (see (format "~a ~s" p p))
    (close-input-port p))
  (define o (fd->port (dup w) "out" '(write)))
  (see (format "~a" o))
  (close-output-port o))

(define-program numbers-of-ports
  (define-values (a b) (new-pair))
  (define-values (i o) (fd->port a 'p '(read write)))
  (struct wrapped (port) #:property prop:input-port 0)
  (struct wrapped-out (port) #:property prop:output-port 0)
  (see (= a (port->fd i)) (= a (port->fd o)) (port->socket i) (port->socket o) (= a (port->fd (wrapped i))) (= a (port->fd (wrapped-out o)))
       (port->socket (wrapped i)) (read-bytes-avail!* (make-bytes 1) (wrapped i))))

(define-program numbers-of-others
  (define-values (i o) (make-pipe))
  (see (for/list ([p (list (open-input-string "x") (open-output-bytes) i o (peeking-input-port i) (open-output-nowhere) 42 "s" #f 'x (make-semaphore))])
         (list (port->fd p) (port->socket p)))
       (port->fd (current-input-port)) (port->socket (current-output-port))))

(define-program numbers-of-racket-ports
  (define f (open-input-file "/dev/null"))
  (define-values (i o) (open-input-output-file "/dev/null" #:exists 'append))
  (see (exact-integer? (port->fd f)) (= (port->fd i) (port->fd o)) (port->socket f))
  (close-input-port f)
  (close-input-port i)
  (close-output-port o))
