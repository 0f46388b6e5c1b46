#lang racket/base
;; programs-waits.rkt: semaphores and events among Racket's other events, what changes while somebody waits, several holders.
(require racket/list "program.rkt")

;; ---- semaphores

(define-program semaphore-calls
  (define-values (r w) (new-pipe))
  (define s (fd->semaphore r 'read))
  (see (semaphore? s) (semaphore-try-wait? s) (semaphore-peek-evt? (semaphore-peek-evt s)) (sync/timeout 0 s))
  (define jobs (list (start (begin (semaphore-wait s) 'wait)) (start (eq? s (sync s))) (start (call-with-semaphore s (lambda () 'called)))
                     (start (begin (semaphore-wait/enable-break s) 'wait/break)) (start (eq? (sync (semaphore-peek-evt s)) s))))
  (see (map after jobs))
  (put w)
  (see (map outcome jobs) (semaphore-try-wait? s) (semaphore-try-wait? s)))

(define-program how-they-look
  (define-values (r w) (new-pipe))
  (define e (fd->evt r 'read))
  (define s (fd->semaphore r 'read))
  (see (format "~a ~a" e s) (object-name e) (object-name s) (equal? e (fd->evt r 'read)) (evt? s) (procedure? e) (struct? e) (handle-evt? e)))

(define-program semaphore-as-lock
  (define-values (r w) (new-pipe))
  (define s (fd->semaphore r 'read))
  (see (call-with-semaphore s (lambda () 'got) (lambda () 'not)))
  (put w)
  (see (sema s) (call-with-semaphore s (lambda () 'got) (lambda () 'not)) (caught (call-with-semaphore s (lambda () (error "inside")))) (semaphore-try-wait? s)))

(define-program semaphore-posted-by-hand
  (define-values (r w) (new-pipe))
  (define s (fd->semaphore r 'read))
  (semaphore-post s)
  (see (semaphore-try-wait? s) (semaphore-try-wait? s) (eq? s (fd->semaphore r 'check-read)))
  (put w)
  (see (sema s) (fd->semaphore r 'check-read)))

(define-program semaphore-break
  (define-values (r w) (new-pipe))
  (define s (fd->semaphore r 'read))
  (define j (start (semaphore-wait s)))
  (define k (start (parameterize-break #f (sync/enable-break s))))
  (settle)
  (break-thread (job-thread j))
  (break-thread (job-thread k))
  (see (exn:break? (outcome j)) (exn:break? (outcome k)) (eq? s (fd->semaphore r 'check-read)))
  (put w)
  (see (sema s)))

(define-program semaphore-waiter-killed
  (define-values (r w) (new-pipe))
  (define s (fd->semaphore r 'read))
  (define jobs (for/list ([_ 3]) (start (begin (semaphore-wait s) 'woke))))
  (settle)
  (kill-thread (job-thread (car jobs)))
  (put w)
  (see (map outcome (cdr jobs)) (thread-dead? (job-thread (car jobs)))))

(define-program semaphore-forgotten
  ;; nobody here has the semaphore any more, but it is still registered
  (define-values (r w) (new-pipe))
  (define hash (eq-hash-code (fd->semaphore r 'read)))
  (collect-garbage)
  (see (= hash (eq-hash-code (fd->semaphore r 'check-read))))
  (put w)
  (settle)
  (collect-garbage)
  (see (fd->semaphore r 'check-read)))

(define-program semaphore-of-many-threads
  ;; the same object for every thread that asks, at the same time
  (define-values (r w) (new-pipe))
  (define jobs (for/list ([i 8]) (start (begin (sleep 0) ((if (even? i) fd->semaphore socket->semaphore) r 'read)))))
  (define all (map outcome jobs))
  (see (length (remove-duplicates all eq?)))
  (define events (map outcome (for/list ([i 8]) (start (begin (sleep 0) (fd->evt r 'read (even? i)))))))
  (see (length (remove-duplicates events eq?))))

;; ---- events among others

(define-program mixed-any
  (define-values (r w) (new-pipe))
  (define-values (r2 w2) (new-pipe))
  (define-values (r3 w3) (new-pipe))
  (define s (fd->semaphore r 'read))
  (define e (fd->evt r2 'read))
  (define p (in-port r3))
  (define never (make-semaphore))
  (define (who v) (cond [(eq? v s) 'semaphore] [(eq? v e) 'evt] [(eq? v p) 'port] [else v]))
  (define (all [timeout 2]) (who (sync/timeout timeout s e p never (wrap-evt (thread void) (lambda (_) 'thread)))))
  (define (four timeout) (who (sync/timeout timeout s e p never)))
  (see (four 0) (four 0.01) (all))
  (put w2)
  (see (four 2))
  (get r2)
  (put w3)
  (see (four 2) (read-byte p) (four 0))
  (semaphore-post never)
  (see (eq? never (four 2)))
  (put w)
  (see (four 2) (four 0)))

(define-program mixed-alarm
  (define-values (r w) (new-pipe))
  (define e (fd->evt r 'read))
  (define s (fd->semaphore r 'read))
  (see (sync (wrap-evt (alarm-evt (+ (current-inexact-milliseconds) 5)) (lambda (_) 'alarm)) (wrap-evt e (lambda (_) 'evt)) (wrap-evt s (lambda (_) 'semaphore))))
  (see (sync/timeout (lambda () 'timed-out) e s))
  (see (sync/timeout 0.001 e) (sync/timeout #f (wrap-evt always-evt (lambda (_) 'always)) e)))

(define-program mixed-wrappers
  (define-values (r w) (new-pipe))
  (define e (fd->evt r 'read))
  (define guarded 0)
  (define wrapped
    (choice-evt (wrap-evt never-evt values)
                (guard-evt (lambda () (set! guarded (add1 guarded)) (handle-evt e (lambda (v) (if (eq? v e) 'handled v)))))))
  (see (sync/timeout 0 wrapped))
  (put w)
  (see (sync wrapped) guarded (sync (replace-evt e (lambda (v) (wrap-evt always-evt (lambda (_) (eq? v e)))))) (sync (wrap-evt (wrap-evt e eq?*) values))))
(define (eq?* v) (evt? v))

(define-program mixed-nack
  (define-values (r w) (new-pipe))
  (define-values (r2 w2) (new-pipe))
  (define e (fd->evt r 'read))
  (define s (fd->semaphore r2 'read))
  (define nacked #f)
  (define (with-nack evt) (nack-guard-evt (lambda (nack) (set! nacked nack) (wrap-evt evt (lambda (_) 'mine)))))
  (put w)
  (see (sync (with-nack e)) (ready nacked))
  (get r)
  (define j (start (sync (with-nack s) e)))
  (see (after j) (ready nacked))
  (put w)
  (see (eq? e (outcome j)) (ready nacked))
  (put w2)
  (see (soon? s) (sync (with-nack s)) (ready nacked)))

(define-program mixed-replace
  ;; an event leads to the next: first one descriptor, then another
  (define-values (r w) (new-pipe))
  (define-values (r2 w2) (new-pipe))
  (define j (start (eq? (sync (replace-evt (fd->evt r 'read) (lambda (_) (get r) (fd->evt r2 'read)))) (fd->evt r2 'read))))
  (see (after j))
  (put w)
  (see (after j) (get r))
  (put w2)
  (see (outcome j)))

(define-program mixed-enable-break
  (define-values (r w) (new-pipe))
  (define e (fd->evt r 'read))
  (define j (start (parameterize-break #f (sync/enable-break e (fd->semaphore r 'read)))))
  (define k (start (parameterize-break #f (sync/timeout/enable-break 5 e))))
  (settle)
  (break-thread (job-thread j))
  (break-thread (job-thread k))
  (see (exn:break? (outcome j)) (exn:break? (outcome k)) (ready e)))

(define-program mixed-channels
  (define-values (r w) (new-pipe))
  (define e (fd->evt r 'read))
  (define c (make-channel))
  (define j (start (sync (wrap-evt e (lambda (_) 'evt)) (channel-put-evt c 'x) (wrap-evt c (lambda (v) v)))))
  (see (after j) (channel-get c) (evt? (outcome j)))
  (define k (start (sync (wrap-evt e (lambda (_) 'evt)) c)))
  (channel-put c 'y)
  (see (outcome k))
  (define l (start (sync (wrap-evt e (lambda (_) 'evt)) c (thread-receive-evt))))
  (put w)
  (see (outcome l)))

(define-program mixed-threads
  ;; everybody who waits is told, whatever for; a waiter of something else is not
  (define-values (a b) (new-pair))
  (define s (fd->semaphore a 'read))
  (define e (fd->evt a 'read))
  (define-values (other-r other-w) (new-pipe))
  (define others (start (sync (fd->evt other-r 'read))))
  (define jobs (append (for/list ([_ 5]) (start (begin (sync s) 'semaphore)))
                       (for/list ([_ 5]) (start (begin (sync e) 'evt)))
                       (for/list ([_ 5]) (start (begin (sync e s) 'either)))))
  (see (remove-duplicates (map after jobs)))
  (put b)
  (see (remove-duplicates (map outcome jobs)) (after others)))

(define-program others-run-meanwhile
  (define-values (r w) (new-pipe))
  (define p (in-port r))
  (define waiting (list (start (read-byte p)) (start (begin (semaphore-wait (fd->semaphore r 'read)) 'semaphore)) (start (begin (sync (fd->evt r 'read)) 'evt))))
  (define count 0)
  (define counter (thread (lambda () (for ([_ 1000]) (set! count (add1 count)) (sleep 0)))))
  (thread-wait counter)
  (see count (map after waiting))
  (put w #"a")
  (see (outcome (car waiting))))

(define-program fairness
  ;; one thread reads all that comes, another waits for a different pipe: both get on
  (define-values (r w) (new-pipe))
  (define-values (r2 w2) (new-pipe))
  (define p (in-port r))
  (define busy (thread (lambda () (let loop () (put w #"abc") (read-bytes 3 p) (loop)))))
  (define j (start (begin (sync (fd->evt r2 'read)) 'told)))
  (define k (start (begin (sync (fd->semaphore r2 'read)) 'told)))
  (settle)
  (put w2)
  (see (outcome j) (outcome k))
  (kill-thread busy))

;; ---- changes during a wait

(define-program removed-while-waiting
  (define-values (r w) (new-pipe))
  (define e (fd->evt r 'read))
  (define s (fd->semaphore r 'read))
  (define never (make-semaphore))
  (define j (start (let ([v (sync e never)]) (eq? v e))))
  (define k (start (let ([v (sync s never)]) (eq? v s))))
  (see (after j) (after k))
  (fd->evt r 'remove)
  (see (outcome j) (after k))
  (fd->semaphore r 'remove)
  (see (outcome k) (ready e) (sema s)))

(define-program removed-by-other-call
  (define-values (a b) (new-pair))
  (fill! a)
  (define rs (fd->semaphore a 'read))
  (define ws (socket->semaphore a 'write))
  (define re (fd->evt a 'read #f))
  (define we (fd->evt a 'write #t))
  (define jobs (for/list ([e (list rs ws re we)]) (start (eq? e (sync e)))))
  (see (map after jobs) (socket->semaphore a 'remove) (map after jobs) (fd->evt a 'remove) (map outcome jobs)))

(define-program closed-port-while-waiting
  (define-values (r w) (new-pipe))
  (define-values (r2 w2) (new-pipe))
  (fill! w2)
  (define i (in-port r))
  (define o (out-port w2))
  (define s (fd->semaphore r 'read))
  (define e (fd->evt (new-dup r) 'read))
  (define jobs (for/list ([v (list s i o e)]) (start (eq? v (sync v)))))
  (see (map after jobs))
  (close-input-port i)
  (close-output-port o)
  (gone r w2)
  (see (map outcome (take jobs 3)) (after (last jobs))))

(define-program first-close-of-two
  (define-values (a b) (new-pair))
  (fill! a)
  (define-values (i o) (fd->port a 'p '(read write)))
  (define s (fd->semaphore a 'read))
  (define jobs (list (start (eq? s (sync s))) (start (eq? o (sync o)))))
  (see (map after jobs))
  (close-input-port i)
  (see (map after jobs) (port-closed? o) (open? a))
  (close-output-port o)
  (gone a)
  (see (map outcome jobs)))

(define-program peer-closes-while-waiting
  (define-values (a b) (new-pair))
  (fill! a)
  (define-values (i o) (fd->port a 'p '(read write)))
  (define jobs (for/list ([e (list (fd->semaphore a 'read) (fd->semaphore a 'write) (fd->evt a 'read) (fd->evt a 'write) i o)]) (start (eq? e (sync e)))))
  (see (map after jobs))
  (shut b)
  (see (map outcome jobs) (caught (read-byte i)) (caught (write-bytes (make-bytes 5000) o))))

(define-program half-close-while-waiting
  (define-values (a b) (new-pair))
  (fill! a)
  (define-values (i o) (fd->port a 'p '(read write)))
  (define jobs (for/list ([e (list (fd->semaphore a 'read) (fd->semaphore a 'write) (fd->evt a 'read) (fd->evt a 'write) i o)]) (start (eq? e (sync e)))))
  (settle)
  (shutdown b 1)
  (see (map after jobs) (read-byte i))
  (get b)
  (see (map outcome jobs)))

(define-program drained-by-another
  ;; data comes and another holder takes it: the semaphore has fired, the event is idle again
  (define-values (r w) (new-pipe))
  (define d (new-dup r))
  (define e (fd->evt r 'read))
  (define s (fd->semaphore r 'read))
  (define p (in-port r))
  (put w #"abc")
  (see (sema s) (get d) (ready e) (ready p) (read-bytes-avail!* (make-bytes 1) p) (sema (fd->semaphore r 'read)))
  (define j (start (read-byte p)))
  (see (after j))
  (put w #"d")
  (see (outcome j)))

(define-program dup-holds-open
  ;; the peer sees the end when the last holder has gone
  (define-values (r w) (new-pipe))
  (define d (new-dup w))
  (define o (out-port w))
  (define e (fd->evt r 'read))
  (write-bytes #"x" o)
  (close-output-port o)
  (gone w)
  (see (ready e) (get r) (ready e))
  (shut d)
  (see (ready e) (get r)))

(define-program dup2-over-other-end
  ;; the write end becomes a copy of another pipe's: the first pipe has no writer left
  (define-values (r w) (new-pipe))
  (define-values (r2 w2) (new-pipe))
  (define e (fd->evt r 'read))
  (define s (fd->semaphore r 'read))
  (see (ready e) (sema s))
  (dup2 w2 w)
  (see (ready e) (sema s) (get r))
  (put w #"y")
  (see (get r2)))

(define-program dup2-after-remove
  ;; with the rule kept (remove, then let the number go) a number can be used again
  (define-values (r w) (new-pipe))
  (define-values (r2 w2) (new-pipe))
  (define s (fd->semaphore r 'read))
  (define e (fd->evt r 'read))
  (fd->semaphore r 'remove)
  (fd->evt r 'remove)
  (dup2 r2 r)
  (define t (fd->semaphore r 'read))
  (define f (fd->evt r 'read))
  (see (eq? s t) (eq? e f) (sema s) (sema t) (ready e) (ready f))
  (put w)
  (see (sema t) (ready f))
  (put w2)
  (see (sema t) (ready f)))

(define-program child-holds-the-end
  ;; another program has the write end too; the end comes when it has ended
  (define-values (r w) (new-pipe))
  (define e (fd->evt r 'read))
  (define p (in-port r))
  (define-values (go-r go-w) (new-pipe))
  (define pid (spawn (format "read x <&~a; echo told >&~a" go-r w)))
  (shut w)
  (see (ready e) (after (start (peek-byte p))))
  (put go-w #"go\n")
  (see (read-line p) (waitpid pid) (read-line p) (ready e)))

(define-program child-takes-the-data
  (define-values (a b) (new-pair))
  (define e (fd->evt a 'read))
  (put b #"first")
  (see (ready e))
  (define pid (spawn (format "head -c 5 <&~a >/dev/null" a)))
  (see (waitpid pid) (ready e) (sema (fd->semaphore a 'read)))
  (put b #"second")
  (see (ready e) (get a)))

;; ---- more than one of everything

(define-program hundred-pipes
  (define pipes (for/list ([_ 100]) (call-with-values new-pipe cons)))
  (define semaphores (for/list ([p pipes]) (fd->semaphore (car p) 'read)))
  (define events (for/list ([p pipes]) (fd->evt (car p) 'read)))
  (define jobs (for/list ([s semaphores] [e events]) (start (begin (sync s) (sync e) 'both))))
  (for ([p pipes] [i 100] #:when (zero? (modulo i 4))) (put (cdr p)))
  (see (for/sum ([s semaphores] [i 100] #:when (zero? (modulo i 4))) (if (soon? (semaphore-peek-evt s)) 1 0)))
  (settle)
  (see (for/sum ([e events]) (if (eq? (ready e) 'ready) 1 0)) (for/sum ([j jobs]) (if (thread-dead? (job-thread j)) 1 0)))
  (for ([p pipes]) (fd->semaphore (car p) 'remove) (fd->evt (car p) 'remove))
  (see (for/sum ([j jobs]) (if (eq? 'both (outcome j)) 1 0))))

(define-program again-and-again
  (define-values (r w) (new-pipe))
  (define e (fd->evt r 'read))
  (define rounds (for/sum ([i 200])
                   (define s (fd->semaphore r 'read))
                   (put w)
                   (if (and (soon? s) (eq? (ready e) 'ready) (equal? (get r) #"x") (eq? (ready e) 'idle)) 1 0)))
  (see rounds (fd->semaphore r 'check-read)))

(define-program everybody-removes
  ;; registering and removing from several threads at once
  (define-values (r w) (new-pipe))
  (define jobs (for/list ([i 6])
                 (start (for/sum ([k 30])
                          (define s (fd->semaphore r 'read))
                          (sleep 0)
                          (fd->semaphore r 'remove)
                          (if (soon? s) 1 0)))))
  (see (map outcome jobs) (fd->semaphore r 'check-read)))
