/// The candidates that `word` is most likely a misspelling of, the nearest first, at most three.
///
/// Two edits are always near, and in longer words as many as a third of the letters. A candidate that begins with
/// `word` is near too if `word` has at least three letters.
///
/// For error messages alone: a wrong guess costs nothing, so that the limit is generous. Ties are in the order of the
/// alphabet.
func nearest(to word: String, among candidates: [String]) -> [String] {
    let limit = max(2, word.count / 3)
    return candidates.map { (name: $0, distance: editDistance(word, $0)) }
        .filter { $0.distance <= limit || ($0.name.hasPrefix(word) && word.count >= 3) }
        .sorted { ($0.distance, $0.name) < ($1.distance, $1.name) }
        .prefix(3).map(\.name)
}

/// Insertions, deletions, substitutions and swaps of neighbours that turn one word into the other: the optimal string
/// alignment distance, in bytes of UTF-8. Time and memory grow with the product of both lengths.
///
/// `actros` and `actors` are one swap apart, `size` and `sise` one substitution.
func editDistance(_ first: String, _ second: String) -> Int {
    let a = Array(first.utf8)
    let b = Array(second.utf8)
    var rows = [[Int]](repeating: [Int](repeating: 0, count: b.count + 1), count: a.count + 1)
    for i in 0...a.count { rows[i][0] = i }
    for j in 0...b.count { rows[0][j] = j }
    for i in a.indices {
        for j in b.indices {
            var best = min(rows[i][j + 1] + 1, rows[i + 1][j] + 1, rows[i][j] + (a[i] == b[j] ? 0 : 1))
            if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { best = min(best, rows[i - 1][j - 1] + 1) }
            rows[i + 1][j + 1] = best
        }
    }
    return rows[a.count][b.count]
}
