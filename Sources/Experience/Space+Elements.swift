extension Space {
    /// Index of the first element in `bytes`, which holds whole elements, that is not of this space; nil where all are.
    /// Spaces of bytes with one bound and of floats are checked in one pass over the numbers, others element by
    /// element.
    ///
    /// The fast pass is a bound for all bytes at once; only where it fails are elements looked at one by one, to name
    /// the first.
    package func firstOutside(_ bytes: UnsafeRawBufferPointer) -> Int? {
        let width = byteCount
        guard let base = bytes.baseAddress, width > 0 else { return nil }
        if let bound = byteBound, bytes.areAllBelow(bound) { return nil }
        if case .box(_, .float32, let low, let high) = self, bytes.areFloats(from: low, to: high) { return nil }
        return (0..<(bytes.count / width)).first { !contains(base + $0 * width) }
    }

    /// Of a space of bytes that are all below the same bound: that bound. Nil of others.
    ///
    /// 256 stands for a space that any byte belongs to.
    private var byteBound: Int? {
        guard elementType == .uint8 else { return nil }
        switch self {
        case .discrete(let count): return count
        case .multiDiscrete(let counts): return counts.min()
        case .box(_, _, let low, let high): return low <= 0 && high >= 255 ? 256 : nil
        }
    }
}

extension UnsafeRawBufferPointer {
    fileprivate func areAllBelow(_ bound: Int) -> Bool {
        if bound > 255 { return true }
        var largest: UInt8 = 0
        for byte in self { largest = Swift.max(largest, byte) }
        return Int(largest) < bound
    }

    /// NaN is in no range.
    ///
    /// Bounds are compared in Double, so that none is rounded.
    fileprivate func areFloats(from low: Double, to high: Double) -> Bool {
        for index in 0..<(count / 4) {
            let value = Double(loadUnaligned(fromByteOffset: 4 * index, as: Float.self))
            guard value >= low, value <= high else { return false }
        }
        return true
    }
}
