package import Experience
package import Neural
import Settings

/// What a model makes of an observation, with its place in the model's parameters: integers are rows of a table, images
/// go through an encoder, whose units a linear layer brings to the embedding's width.
package enum ObservationEmbedding: Sendable, Equatable {
    /// `embed.observation.weight` (rows, width) at `offset`.
    case table(IntegerComponents, offset: Int)
    /// `encoder.*` and `embed.observation.*` from `offset` on.
    case images(ImageEncoderLayout, offset: Int)

    private static let head = "embed.observation"

    /// Adds its tensors to `layout`. `encoder`: for images. Throws `SettingsError` for spaces that are neither integers nor
    /// images, and for encoders that cannot look at such images.
    init(_ space: Space, encoder: ImageEncoderChoice, width: Int, addingTo layout: inout ParameterLayout) throws {
        if let components = IntegerComponents(space) {
            self = .table(components, offset: layout.add("\(Self.head).weight", [components.rowCount, width]))
            return
        }
        guard let shape = space.imageShape else {
            throw SettingsError(
                "observation space",
                "must be an image of bytes, or made of at most \(IntegerComponents.largestArray) integers",
                found: "\(space)")
        }
        let images = try ImageEncoderLayout(
            encoder, image: ImageSize(height: shape.height, width: shape.width, colours: shape.colours),
            head: (Self.head, width))
        self = .images(images, offset: layout.count)
        for tensor in images.parameters.tensors {
            _ = layout.add(tensor.name.hasPrefix(Self.head) ? tensor.name : "encoder.\(tensor.name)", tensor.shape)
        }
    }

    /// How observations come to a model's passes.
    var input: ObservationInput {
        switch self {
        case .table(let components, _): .components(components)
        case .images(let layout, _): .vector(width: layout.outputWidth)
        }
    }

    /// Rows of the table; none for images.
    var tableRows: Int {
        if case .table(let components, _) = self { components.rowCount } else { 0 }
    }

    /// Where the table lies. For images it is a place that nothing reads.
    var tableOffset: Int {
        switch self {
        case .table(_, let offset), .images(_, let offset): offset
        }
    }

    /// Whether a tensor of the model is one of the encoder's, which `initialise` draws.
    func holds(_ tensor: ParameterLayout.Tensor) -> Bool {
        guard case .images(let layout, let offset) = self else { return false }
        return offset..<(offset + layout.parameters.count) ~= tensor.offset
    }

    /// Draws an encoder's parameters; those of a table are drawn with the model's others.
    func initialise(_ buffer: FloatBuffer, seed: UInt64) {
        guard case .images(let layout, let offset) = self else { return }
        // The model's own parameters have the key of actor 0.
        var numbers = PhiloxSequence(
            Philox(StreamKey(seed: seed, task: 0, repetition: 0, actor: 1)), purpose: .initialisation)
        layout.initialise(buffer.start + offset) { Philox.unit(UInt32(truncatingIfNeeded: numbers.next())) }
    }

    /// Floating-point operations of an observation's forward pass; a table has none.
    var forwardOperations: Int {
        if case .images(let layout, _) = self { layout.forwardOperations } else { 0 }
    }

    /// The stage before a model's passes; nil for a table. `seed`: of dropout, nil where nothing is learnt.
    func makeEncoder(parameters: FloatBuffer, observations: Int, pool: WorkerPool, seed: UInt64?)
        -> (any ObservationEncoder)?
    {
        guard case .images(let layout, let offset) = self else { return nil }
        return BoundedImageEncoder(
            layout, parameters: parameters, offset: offset, observations: observations, pool: pool,
            dropoutKey: seed.map { Dropouts.key(seed: $0) })
    }
}
