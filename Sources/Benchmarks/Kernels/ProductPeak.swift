import COpenBLAS
import Neural

/// What this machine's matrix products reach: OpenBLAS on squares of 1024, each thread with a product of its own.
///
/// Everything else is a share of it. Measured again between the repetitions of what it is compared with, because other
/// processes and the processor's clock change it. A sample is 2 * 1024^3 = 2.1e9 operations for each product and
/// thread. Making one takes a sample as a warm-up.
package final class ProductPeak {
    /// Rows and columns of each matrix: 4 MiB, large enough that the product is limited by arithmetic.
    package static let side = 1024
    /// Products of a sample, on each thread.
    private let products: Int
    private let pool: WorkerPool
    /// Three matrices of 1024 x 1024 for each thread, 12 MiB: two factors and their product.
    private let matrices: [FloatBuffer]

    /// `products`: the more, the longer and the steadier a sample. Kernels take 1, since their own repetitions are
    /// short.
    package init(threads: Int, products: Int = 3) {
        self.products = products
        pool = WorkerPool(count: threads)
        matrices = (0..<(3 * threads)).map { _ in FloatBuffer(Self.side * Self.side) }
        for buffer in matrices { buffer.fillWithNoise() }
        _ = sample()
    }

    /// GFLOP/s of all threads together, in about a fortieth of a second a product.
    package func sample() -> Double {
        let seconds = secondsTaken {
            pool.run { worker in
                for _ in 0..<products {
                    Linear.forward(
                        matrices[3 * worker].start, weight: matrices[3 * worker + 1].start,
                        into: matrices[3 * worker + 2].start, rows: Self.side, inputs: Self.side, outputs: Self.side)
                }
            }
        }
        let operations = 2 * Double(Self.side * Self.side * Self.side) * Double(products * pool.count)
        return operations / seconds / 1e9
    }
}

extension FloatBuffer {
    /// Numbers between -1/2 and 1/2 of no particular kind.
    func fillWithNoise() {
        var word: UInt32 = 0x9E37_79B9
        for index in 0..<count {
            word = word &* 1_664_525 &+ 1_013_904_223
            start[index] = Float(word >> 8) * 0x1p-24 - 0.5
        }
    }
}
