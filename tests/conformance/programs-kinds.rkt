#lang racket/base
;; programs-kinds.rkt: ports of every kind of descriptor: what they read, what they refuse, and in which words.
(require "program.rkt")

(define (put-out o text) (caught (begin (write-bytes text o) (flush-output o))))
(define (open-file path [flags 0]) (keep (checked 'open (open (bytes-append path #"\0") flags))))

(define-program kind-full-device
  (define o (out-port (open-file #"/dev/full" O_RDWR)))
  (see (ready o) (put-out o #"abc") (put-out o #"abc") (caught (close-output-port o))))

(define-program kind-endless-devices
  (define-values (i o) (fd->port (open-file #"/dev/zero" O_RDWR) 'zero '(read write)))
  (see (bytes-length (read-bytes 5000 i)) (ready i) (put-out o #"abc"))
  (define r (in-port (open-file #"/dev/urandom")))
  (see (bytes-length (read-bytes 5000 r)) (ready r)))

(define-program kind-null
  (define-values (i o) (fd->port (open-file #"/dev/null" O_RDWR) 'null '(read write)))
  (see (read-byte i) (put-out o #"abc") (ready i) (ready o)))

(define-program kind-process-files
  (define i (in-port (open-file #"/proc/self/comm")))
  (see (string? (read-line i)) (ready i) (read-line i))
  (define m (in-port (open-file #"/proc/self/mounts")))
  (see (string? (read-line m)) (ready m))
  (see (caught (read-byte (in-port (open-file #"/proc/self/mem"))))))

(define-program kind-eventfd
  (define e (keep (eventfd 3)))
  (define-values (i o) (fd->port e 'e '(read write)))
  (file-stream-buffer-mode i 'none)
  (see (caught (read-byte i)) (put-out o #"abc") (read-bytes 8 i) (put-out o #"\1\0\0\0\0\0\0\0") (read-bytes 8 i) (ready i) (ready o)))

(define-program kind-timerfd
  (define i (in-port (keep (make-timer #t))))
  (see (read-bytes 8 i) (ready i)))

(define-program kind-epoll
  (define-values (r w) (new-pipe))
  (define i (in-port (keep (make-epoll r))))
  (see (ready i))
  (put w)
  (see (ready i) (caught (read-byte i))))

(define-program kind-listener
  (define l (keep (make-listener)))
  (define-values (i o) (fd->port l 'l '(read write)))
  (define j (start (read-byte i)))
  (see (after j) (ready o) (put-out o #"x"))
  (define c (keep (connect-to l)))
  (see (outcome j)))

(define-program kind-unconnected-datagrams
  (for ([domain '(1 2)])
    (define-values (i o) (fd->port (keep (socket domain 2)) 'u '(read write)))
    (see (ready i) (put-out o #"x"))))

(define-program kind-too-long
  (define-values (a b) (new-pair 5))
  (define o (out-port a))
  (file-stream-buffer-mode o 'none)
  (see (write-bytes (make-bytes 60000) o) (bytes-length (get b)))
  (define-values (c d) (make-udp-pair))
  (keep c d)
  (define p (out-port c))
  (file-stream-buffer-mode p 'none)
  (see (caught (write-bytes (make-bytes 65530) p)) (write-bytes (make-bytes 20000) p)))

(define-program kind-fifo
  (define path (make-fifo))
  (define i (in-port (open-file path O_NONBLOCK)))
  (define j (start (read-byte i)))
  (see (ready i) (after j))
  (define w (open-file path 1))
  (define o (out-port w))
  (see (put-out o #"xyz") (outcome j) (read-bytes 2 i) (ready i) (ready o))
  (close-output-port o)
  (gone w)
  (see (read-byte i) (ready i) (read-byte i))
  (define again (open-file path 1))
  (define k (start (read-byte i)))
  (see (after k) (put again) (outcome k))
  (delete-file (bytes->path path)))

(define-program kind-terminal
  (define-values (m s) (new-pty))
  (define i (in-port s))
  (define o (out-port s))
  (see (put m #"typed\n") (read-line i) (put m #"ab") (wait-for s) (read-bytes 2 i) (ready i) (ready o) (put-out o #"shown") (wait-for m) (get m))
  (shut m)
  (see (ready i) (caught (read-byte i)) (put-out o #"nobody")))

(define-program kind-inotify
  (define n (keep (inotify_init1)))
  (define i (in-port n))
  (see (ready i) (read-bytes-avail!* (make-bytes 5) i))
  (define path (make-fifo))
  (inotify_add_watch n path 1024)
  (delete-file (bytes->path path))
  (see (wait-for n) (ready i) (bytes? (read-bytes 16 i))))
