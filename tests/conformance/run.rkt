#lang racket/base
;; run.rkt: carries out the scenarios, those of scenarios.txt first, then the programs.
;;
;;   racket run.rkt                        on Racket's own ffi/unsafe/port: prints the `ID<TAB>answer` lines that recorded.tsv keeps
;;   racket run.rkt LIBRARY [ID ...]       the same on another implementation of the seven procedures, e.g. client/racket/port.rkt
;;   racket run.rkt --check LIBRARY        says which answers are not as recorded.tsv has them or, where portd differs on purpose, as
;;                                         DIFFERENCES.md says; ends with 1 if there are any
;;
;; A scenario whose answer is not as expected is given more time and carried out again: a busy machine is no difference.
(require racket/port racket/runtime-path racket/string
         "program.rkt" "steps.rkt" "differences.rkt"
         "programs-ports.rkt" "programs-closing.rkt" "programs-waits.rkt" "programs-sockets.rkt" "programs-kinds.rkt" "programs-differences.rkt")

(define-runtime-path here "run.rkt")
(define-runtime-path scenarios.txt "scenarios.txt")

(struct scenario (id alone? run))

(define (scenarios)
  (append
   (for*/list ([line (call-with-input-file scenarios.txt (lambda (in) (for/list ([l (in-lines in)]) l)))]
               #:unless (or (string=? line "") (char=? (string-ref line 0) #\#)))
     (define parts (regexp-match #rx"^([^: ]+)( \\(alone\\))?: (.*)$" line))
     (scenario (cadr parts) (and (caddr parts) #t) (lambda () (run-steps (cadddr parts)))))
   (for/list ([p (reverse programs)])
     (scenario (program-id p) (program-alone? p) (lambda () (run-program p))))))

;; ---- in a process of its own: what it answers, or how it ends

(define seconds-alone 5)

(define (run-alone id)
  (define-values (child out in err)
    (subprocess #f #f #f (find-exe) (path->string here) "--alone" id))
  (close-output-port in)
  (define answer (open-output-string))
  (define readers (list (thread (lambda () (copy-port out answer))) (thread (lambda () (copy-port err (open-output-nowhere))))))
  (define ended? (sync/timeout seconds-alone child))
  (unless ended? (subprocess-kill child #t))
  (for-each thread-wait readers)
  (close-input-port out)
  (close-input-port err)
  (define text (string-trim (get-output-string answer)))
  (cond [(not ended?) "HANGS"]
        [(zero? (subprocess-status child)) text]
        [else "DIES"]))

(define (find-exe) (find-executable-path (find-system-path 'exec-file)))

(define racket? (make-parameter #t))
(define (answer-of s) (if (and (scenario-alone? s) (racket?)) (run-alone (scenario-id s)) ((scenario-run s))))

(define (print-answers only)
  (for ([s (scenarios)] #:when (or (null? only) (member (scenario-id s) only)))
    (printf "~a\t~a\n" (scenario-id s) (answer-of s))
    (flush-output)))

;; ---- checking

(define patiences '(0.5 6 30))

(define (check)
  (define racket-answers (recorded))
  (define differences (listed))
  (define complaints 0)
  (define (complain text . arguments)
    (set! complaints (add1 complaints))
    (apply printf text arguments)
    (newline)
    (flush-output))
  (define all (scenarios))
  (define ids (map scenario-id all))
  (for ([id (append (hash-keys racket-answers) (hash-keys differences))] #:unless (member id ids))
    (complain "~a: there is no such scenario" id))
  (for ([s all])
    (define id (scenario-id s))
    (define racket-answer (hash-ref racket-answers id #f))
    (define d (hash-ref differences id #f))
    (define right (cond [d (difference-portd d)] [racket-answer (list racket-answer)] [else '()]))
    (cond
      [(not racket-answer) (complain "~a: is not recorded (racket run.rkt)" id)]
      [(and d (not (equal? (difference-racket d) racket-answer)))
       (complain "~a: DIFFERENCES.md says that Racket answers ~a, recorded is ~a" id (difference-racket d) racket-answer)]
      [(and d (equal? (difference-portd d) (list racket-answer))) (complain "~a: DIFFERENCES.md lists what is no difference" id)]
      [else
       (define answer
         (for/fold ([answer #f]) ([p patiences] #:unless (member answer right))
           (when answer (eprintf "~a: ~a; once more\n" id answer))
           (parameterize ([patience p]) (answer-of s))))
       (cond
         [(member answer right) (void)]
         [(and d (equal? answer racket-answer)) (complain "~a: DIFFERENCES.md lists it, but it answers as Racket does: ~a" id answer)]
         [else (complain "~a: answers\n  ~a\nand not\n  ~a" id answer (string-join right " or "))])]))
  (printf "~a scenarios: ~a answer as Racket, ~a differ as DIFFERENCES.md says, ~a do not\n" (length all)
          (- (length all) (hash-count differences) complaints) (hash-count differences) complaints)
  (exit (if (zero? complaints) 0 1)))

(define (use! path)
  (library (list 'file (path->string (path->complete-path path))))
  (racket? #f))

(module+ main
  (define arguments (vector->list (current-command-line-arguments)))
  (cond
    [(null? arguments) (print-answers '())]
    [(string=? (car arguments) "--alone") (racket? #f) (display (let ([s (findf-id (cadr arguments))]) ((scenario-run s))))]
    [(string=? (car arguments) "--check") (use! (cadr arguments)) (check)]
    [else (use! (car arguments)) (print-answers (cdr arguments))]))

(define (findf-id id) (for/first ([s (scenarios)] #:when (string=? (scenario-id s) id)) s))
