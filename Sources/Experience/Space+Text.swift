extension Space {
    /// Largest element that a text may declare, in bytes.
    private static let largestElementBytes = 16 << 20

    /// Reads what `description` writes: `Discrete(5)`, `MultiDiscrete([9 9])`, `Box(0, 255, (72, 96, 3), uint8)`. Nil for
    /// anything else, and for spaces without elements or of absurd size.
    package init?(_ text: String) {
        guard text.hasSuffix(")"), let open = text.firstIndex(of: "(") else { return nil }
        let inside = text[text.index(after: open)...].dropLast()
        switch text[..<open] {
        case "Discrete":
            guard let count = Self.count(inside) else { return nil }
            self = .discrete(count: count)
        case "MultiDiscrete":
            guard inside.hasPrefix("["), inside.hasSuffix("]") else { return nil }
            let parts = inside.dropFirst().dropLast().split(separator: " ")
            let counts = parts.compactMap(Self.count)
            guard counts.count == parts.count, (1...65_536).contains(counts.count) else { return nil }
            self = .multiDiscrete(counts: counts)
        case "Box":
            guard let box = Self.box(inside) else { return nil }
            self = box
        default: return nil
        }
    }

    private static func count(_ text: Substring) -> Int? {
        Int(text).flatMap { $0 >= 1 && $0 <= Int32.max ? $0 : nil }
    }

    /// `0, 255, (72, 96, 3), uint8`
    private static func box(_ text: Substring) -> Space? {
        guard let open = text.firstIndex(of: "("), let close = text.lastIndex(of: ")"), open < close else { return nil }
        let bounds = text[..<open].split(separator: ",").map { $0.filter { $0 != " " } }.filter { !$0.isEmpty }
        let sizes = text[text.index(after: open)..<close].split(separator: ",").map { $0.filter { $0 != " " } }
        let type = text[text.index(after: close)...].filter { $0 != "," && $0 != " " }
        guard bounds.count == 2, let low = Double(bounds[0]), let high = Double(bounds[1]), low < high,
            let type = ElementType(rawValue: String(type))
        else { return nil }
        var bytes = type.byteCount
        var shape: [Int] = []
        for size in sizes where !size.isEmpty {
            guard let size = count(Substring(size)), size <= largestElementBytes, bytes * size <= largestElementBytes
            else { return nil }
            bytes *= size
            shape.append(size)
        }
        return shape.count <= 8 ? .box(shape: shape, type: type, low: low, high: high) : nil
    }
}
