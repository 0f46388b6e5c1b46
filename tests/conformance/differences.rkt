#lang racket/base
;; differences.rkt: the answers of Racket (recorded.tsv) and those in which portd differs from them on purpose (DIFFERENCES.md), as tables from
;; ids. A row of the page with an id in backquotes says what Racket answers and what portd does, both in backquotes too; where portd may
;; do one thing or another, they are joined by `or`.
(require racket/runtime-path racket/string)
(provide recorded listed (struct-out difference))

(define-runtime-path recorded.tsv "recorded.tsv")
(define-runtime-path DIFFERENCES.md "DIFFERENCES.md")

(define (lines-of path) (call-with-input-file path (lambda (in) (for/list ([line (in-lines in)]) line))))

;; id -> answer
(define (recorded)
  (for/hash ([line (lines-of recorded.tsv)])
    (apply values (cdr (regexp-match #rx"^([^\t]*)\t(.*)$" line)))))

;; racket: what it answers. portd: the answers that are right.
(struct difference (racket portd))

(define (answers cell) (map cadr (regexp-match* #rx"`([^`]*)`" cell #:match-select values)))

;; id -> difference
(define (listed)
  (for*/hash ([line (lines-of DIFFERENCES.md)]
              [cells (in-value (map string-trim (string-split line "|" #:trim? #f)))]
              #:when (and (>= (length cells) 5) (regexp-match? #rx"^`[^`]*`$" (list-ref cells 1))))
    (values (car (answers (list-ref cells 1)))
            (difference (car (answers (list-ref cells 2))) (answers (list-ref cells 3))))))
