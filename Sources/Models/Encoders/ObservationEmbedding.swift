package import Experience
package import Neural
import Settings

/// What a model makes of an observation, with its place in the model's parameters: integers are rows of a table, images
/// go through an encoder, whose units a linear layer brings to the embedding's width, and vectors of floats through a linear
/// layer.
package enum ObservationEmbedding: Sendable, Equatable {
    /// `embed.observation.weight` (rows, width) at `offset`.
    case table(IntegerComponents, offset: Int)
    /// `encoder.*` and `embed.observation.*` from `offset` on.
    case images(ImageEncoderLayout, offset: Int)
    /// `embed.observation.weight` (width, floats) and `embed.observation.bias` (width).
    case floats(VectorLayout)

    private static let head = "embed.observation"
    /// Numbers of a vector that a linear layer takes as it is.
    private static let largestVector = 4096

    /// Adds its tensors to `layout`. `encoder`: for images. Throws `SettingsError` for spaces that are neither integers nor
    /// images nor vectors of floats, and for encoders that cannot look at such images.
    init(_ space: Space, encoder: ImageEncoderChoice, width: Int, addingTo layout: inout ParameterLayout) throws {
        if let components = IntegerComponents(space) {
            self = .table(components, offset: layout.add("\(Self.head).weight", [components.rowCount, width]))
            return
        }
        if case .box(_, .float32, _, _) = space, space.elementCount <= Self.largestVector {
            let inputs = space.elementCount
            self = .floats(
                VectorLayout(
                    inputs: inputs, width: width, weight: layout.add("\(Self.head).weight", [width, inputs]),
                    bias: layout.add("\(Self.head).bias", [width])))
            return
        }
        guard let shape = space.imageShape else {
            throw SettingsError(
                "observation space",
                "must be an image of bytes, at most \(Self.largestVector) float32, or made of at most "
                    + "\(IntegerComponents.largestArray) integers",
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
        case .floats(let layout): .vector(width: layout.width)
        }
    }

    /// Rows of the table; none for what is no table.
    var tableRows: Int {
        if case .table(let components, _) = self { components.rowCount } else { 0 }
    }

    /// Where the table lies. For images and vectors it is a place that nothing reads.
    var tableOffset: Int {
        switch self {
        case .table(_, let offset), .images(_, let offset): offset
        case .floats(let layout): layout.weight
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
        switch self {
        case .table: 0
        case .images(let layout, _): layout.forwardOperations
        case .floats(let layout): 2 * layout.inputs * layout.width
        }
    }

    /// The stage before a model's passes; nil for a table. `seed`: of dropout, nil where nothing is learnt.
    func makeEncoder(parameters: FloatBuffer, observations: Int, pool: WorkerPool, seed: UInt64?)
        -> (any ObservationEncoder)?
    {
        switch self {
        case .table: return nil
        case .images(let layout, let offset):
            return BoundedImageEncoder(
                layout, parameters: parameters, offset: offset, observations: observations, pool: pool,
                dropoutKey: seed.map { Dropouts.key(seed: $0) })
        case .floats(let layout):
            return VectorEncoder(layout, parameters: parameters, observations: observations)
        }
    }
}
