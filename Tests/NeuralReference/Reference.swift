import Foundation

/// A number type that the plain reference implementations run in: Float to be compared with the fast path, Double to be
/// compared with finite differences.
package protocol ReferenceScalar: BinaryFloatingPoint, Sendable {
    /// e^x, from the platform's mathematics library in this type's precision.
    static func exponential(_ x: Self) -> Self
    /// The natural logarithm.
    static func logarithm(_ x: Self) -> Self
    /// tanh, which has no operator in the standard library's protocols.
    static func hyperbolicTangent(_ x: Self) -> Self
}

extension Float: ReferenceScalar {
    package static func exponential(_ x: Float) -> Float { exp(x) }
    package static func logarithm(_ x: Float) -> Float { log(x) }
    package static func hyperbolicTangent(_ x: Float) -> Float { tanh(x) }
}

extension Double: ReferenceScalar {
    package static func exponential(_ x: Double) -> Double { exp(x) }
    package static func logarithm(_ x: Double) -> Double { log(x) }
    package static func hyperbolicTangent(_ x: Double) -> Double { tanh(x) }
}

/// Every layer written like its formula, forward beside backward: what the fast path is tested against. Slow, and free
/// of everything that makes the fast path hard to read.
///
/// Matrices are row-major arrays. A mask holds the factor of every element: 0 or 1 / (1 - p); nil drops nothing.
/// Backward functions return gradients; they add to nothing.
///
/// In `Double` a test compares a backward function with differences of the forward one; in `Float` it compares the fast
/// path with it.
package enum Reference<Scalar: ReferenceScalar> {
    /// Row-major; shapes stand in each function's comment.
    package typealias Array = [Scalar]
}
