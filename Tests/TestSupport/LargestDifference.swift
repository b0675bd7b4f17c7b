/// The largest difference of two arrays; infinite where either holds what is not a number, or their lengths differ.
///
/// Not `max()` of the differences: comparisons with NaN are false, so that it would pass over them.
package func largestDifference(_ found: [Float], _ expected: [Float]) -> Float {
    guard found.count == expected.count else { return .infinity }
    return zip(found, expected).reduce(0) {
        let difference = abs($1.0 - $1.1)
        return difference.isFinite ? max($0, difference) : .infinity
    }
}
