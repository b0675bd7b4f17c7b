extension UnsafePointer<Float> {
    /// Adds rows (rows, width) to rows that lie `stride` floats apart.
    @inline(__always)
    func add(to tokens: UnsafeMutablePointer<Float>, stride: Int, rows: Int, _ width: Int) {
        for row in 0..<rows {
            let (from, to) = (self + row * width, tokens + row * stride)
            for k in 0..<width { to[k] += from[k] }
        }
    }
}

extension UnsafeMutablePointer<Float> {
    /// Rows (rows, width) become copies of rows that lie `stride` floats apart.
    @inline(__always)
    func take(_ tokens: UnsafePointer<Float>, stride: Int, rows: Int, _ width: Int) {
        for row in 0..<rows { (self + row * width).update(from: tokens + row * stride, count: width) }
    }
}
