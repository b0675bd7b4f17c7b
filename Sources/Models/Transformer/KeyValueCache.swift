import Neural

/// Keys and values of the tokens that each of several contexts has seen, per block. A slot belongs to one copy; nothing
/// is ever erased, since positions behind a context's end are never read. One thread uses it.
///
/// Table 1's model needs 204,800 bytes a slot: 4 blocks, 100 tokens, 2 x 64 floats.
final class KeyValueCache {
    private let memory: FloatBuffer
    private let slots: Int
    private let tokens: Int
    private let d: Int

    /// Zeros at first; `slots` is the number of contexts that act at once.
    init(_ settings: TransformerSettings, slots: Int) {
        self.slots = slots
        tokens = settings.tokens
        d = settings.modelDimension
        memory = FloatBuffer(Self.byteCount(settings, slots: slots) / MemoryLayout<Float>.stride)
    }

    /// Bytes for so many contexts.
    static func byteCount(_ settings: TransformerSettings, slots: Int) -> Int {
        settings.layers * slots * settings.tokens * 2 * settings.modelDimension * MemoryLayout<Float>.stride
    }

    /// (tokens, D) keys, then (tokens, D) values.
    private func place(block: Int, slot: Int) -> UnsafeMutablePointer<Float> {
        memory.start + (block * slots + slot) * tokens * 2 * d
    }

    /// Stores key and value of one token from its projection (3D) and returns all keys and values of the context. The
    /// projection's first D floats, the query, are not kept. The results are (tokens, D) each; rows behind `position`
    /// may hold anything.
    func append(_ projected: UnsafePointer<Float>, position: Int, block: Int, slot: Int) -> (
        keys: UnsafePointer<Float>, values: UnsafePointer<Float>
    ) {
        let keys = place(block: block, slot: slot)
        let values = keys + tokens * d
        (keys + position * d).update(from: projected + d, count: d)
        (values + position * d).update(from: projected + 2 * d, count: d)
        return (UnsafePointer(keys), UnsafePointer(values))
    }
}
