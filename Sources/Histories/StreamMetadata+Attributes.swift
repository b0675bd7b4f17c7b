import CHDF5
import Environments
import Experience

/// The attributes of a stream file, all at its root. Text has a fixed length (UTF-8): it then lies in the object
/// header, under HDF5's own checksum, where variable-length text lies in a heap that nothing protects.
extension StreamMetadata {
    /// Writes all attributes. Under `HDF5.locked`.
    ///
    /// `complete` is written as 0 whatever `isComplete` says. Throws where a text is longer than 60,000 bytes.
    func write(to file: hid_t, path: String) throws(StreamError) {
        var writer = AttributeWriter(file: file, path: path)
        try writer.integer("schema_version", Int64(StreamMetadata.schemaVersion))
        try writer.text("software_version", softwareVersion)
        try writer.text("environment", environment.name)
        try writer.text("environment_json", environment.json)
        try writer.text("observation_space", environment.observationSpace.json)
        if environment.hasView {
            try writer.text(Self.storedName, environment.stored.name)
            try writer.text("stored_space", environment.stored.space.json)
        }
        try writer.text("action_space", environment.actionSpace.json)
        try writer.integer("horizon", Int64(environment.horizon ?? 0))
        try writer.integer("task_id", Int64(task.id))
        try writer.text("task_json", task.json)
        try writer.text("split", task.split.rawValue)
        try writer.integer("repetition", Int64(repetition))
        try writer.text("source_algorithm", sourceAlgorithm)
        try writer.text("source_json", sourceJSON)
        try writer.integer("actor", Int64(actor))
        try writer.unsigned("seed", seed)
        try writer.text("created", created)
        try writer.unsigned("first_policy_version", firstPolicyVersion)
        try writer.checksum()
        try writer.byte("complete", 0)
    }

    /// Sets `complete` to 1 in place: the only attribute that changes after creation, and therefore outside the
    /// checksum.
    ///
    /// Under `HDF5.locked`, in a file that is open for writing.
    static func writeComplete(to file: hid_t, path: String) throws(StreamError) {
        let what = "set the attribute complete"
        let attribute = try HDF5Identifier(H5Aopen(file, "complete", 0), closing: H5Aclose, path, what)
        var value: UInt8 = 1
        try HDF5.check(H5Awrite(attribute.raw, distillery_h5_native_uint8(), &value), path, what)
    }

    /// Reads and checks all attributes. Under `HDF5.locked`.
    ///
    /// Throws `damaged` where one is missing, of another type, outside its range, or altered.
    ///
    /// Unknown attributes are ignored, so that a later version may add some.
    init(from file: hid_t, path: String) throws(StreamError) {
        var reader = AttributeReader(file: file, path: path)
        let version = try reader.integer("schema_version", 0...Int64(Int32.max))
        guard version == Int64(StreamMetadata.schemaVersion) else {
            throw .damaged(
                path: path,
                problem: "schema_version is \(version), this program reads \(StreamMetadata.schemaVersion)")
        }
        guard let split = Split(rawValue: try reader.text("split")) else {
            throw .damaged(path: path, problem: "attribute split should be train or test")
        }
        self.init(
            softwareVersion: try reader.text("software_version"), environment: try Self.environment(&reader),
            task: Task(
                id: Int(try reader.integer("task_id", 0...Int64(Int32.max))), split: split,
                json: try reader.text("task_json")),
            repetition: Int(try reader.integer("repetition", 0...Int64(Int32.max))),
            sourceAlgorithm: try reader.text("source_algorithm"), sourceJSON: try reader.text("source_json"),
            actor: Int(try reader.integer("actor", 0...Int64(Int32.max))), seed: try reader.unsigned("seed"),
            created: try reader.text("created"), firstPolicyVersion: try reader.unsigned("first_policy_version"),
            isComplete: try reader.isComplete())
        try reader.checkChecksum()
    }
}

extension StreamMetadata {
    private static let storedName = "stored_name"

    /// Throws `damaged` as `init` does.
    private static func environment(_ reader: inout AttributeReader) throws(StreamError) -> EnvironmentDescription {
        let horizon = Int(try reader.integer("horizon", 0...Int64(Int32.max)))
        return EnvironmentDescription(
            name: try reader.text("environment"), observationSpace: try reader.space("observation_space"),
            stored: try stored(&reader), actionSpace: try reader.space("action_space"),
            horizon: horizon == 0 ? nil : horizon, json: try reader.text("environment_json"))
    }

    /// Nil where the file does not say, since it stores what is seen.
    private static func stored(_ reader: inout AttributeReader) throws(StreamError) -> StoredObservation? {
        guard try reader.has(storedName) else { return nil }
        let name = try reader.text(storedName)
        guard let stored = StoredObservation(name: name, space: try reader.space("stored_space")) else {
            throw .damaged(
                path: reader.path,
                problem: "attribute \(storedName) should name a dataset, found \(name.debugDescription)")
        }
        return stored
    }
}

/// Writes attributes in any order and notes each for the checksum. Under `HDF5.locked`.
private struct AttributeWriter {
    let file: hid_t
    let path: String
    /// Everything but `complete` and the checksum itself.
    private var written = CheckedAttributes()

    init(file: hid_t, path: String) {
        self.file = file
        self.path = path
    }

    /// 64 bits, little-endian.
    mutating func integer(_ name: String, _ value: Int64) throws(StreamError) {
        written.note(name, "\(value)")
        try write(name, distillery_h5_int64(), value)
    }

    /// 64 bits, little-endian; for seeds and versions, which may be above what `integer` holds.
    mutating func unsigned(_ name: String, _ value: UInt64) throws(StreamError) {
        written.note(name, "\(value)")
        try write(name, distillery_h5_uint64(), value)
    }

    /// Of all that was written so far.
    ///
    /// Call it last: what is written later is not covered.
    func checksum() throws(StreamError) {
        try write(CheckedAttributes.checksumName, distillery_h5_uint64(), UInt64(written.checksum))
    }

    /// Not noted for the checksum: for `complete` alone.
    func byte(_ name: String, _ value: UInt8) throws(StreamError) {
        try write(name, distillery_h5_uint8(), value)
    }

    /// An empty text is stored as one zero byte, since the library has no text of length 0.
    mutating func text(_ name: String, _ value: String) throws(StreamError) {
        written.note(name, value)
        let what = "write the attribute \(name)"
        var bytes = Array(value.utf8)
        guard bytes.count <= AttributeReader.longestText else {
            throw .inputOutput(
                path: path, operation: what,
                message: "\(bytes.count) bytes, at most \(AttributeReader.longestText) fit an attribute", code: 0)
        }
        if bytes.isEmpty { bytes = [0] }
        let type = try HDF5Identifier(H5Tcopy(distillery_h5_c_string()), closing: H5Tclose, path, what)
        try HDF5.check(H5Tset_size(type.raw, bytes.count), path, what)
        try HDF5.check(H5Tset_cset(type.raw, H5T_CSET_UTF8), path, what)
        try HDF5.check(H5Tset_strpad(type.raw, H5T_STR_NULLPAD), path, what)
        try create(name, type.raw, &bytes)
    }

    private func write<Value: BitwiseCopyable>(_ name: String, _ type: hid_t, _ value: Value) throws(StreamError) {
        var value = value
        try create(name, type, &value)
    }

    /// A scalar attribute at the file's root.
    private func create(_ name: String, _ type: hid_t, _ value: UnsafeRawPointer) throws(StreamError) {
        let what = "write the attribute \(name)"
        let space = try HDF5Identifier(H5Screate(H5S_SCALAR), closing: H5Sclose, path, what)
        let attribute = try HDF5Identifier(
            H5Acreate2(file, name, type, space.raw, 0, 0), closing: H5Aclose, path, what)
        try HDF5.check(H5Awrite(attribute.raw, type, value), path, what)
    }
}

/// Reads attributes in any order and notes each for the checksum; every method throws `damaged` that names the
/// attribute. Under `HDF5.locked`.
private struct AttributeReader {
    /// An attribute lives in one message of an object header, which holds less than 64 KiB.
    static let longestText = 60_000

    let file: hid_t
    let path: String
    /// What the checksum is made of again, in the same words as the writer's.
    private var read = CheckedAttributes()

    init(file: hid_t, path: String) {
        self.file = file
        self.path = path
    }

    /// Throws where what was read so far is not what the file's writer wrote. Older files do not say what that was.
    ///
    /// Call it when all attributes have been read.
    func checkChecksum() throws(StreamError) {
        guard try has(CheckedAttributes.checksumName) else { return }
        var recorded: UInt64 = 0
        try number(CheckedAttributes.checksumName, distillery_h5_native_uint64(), &recorded)
        guard recorded == UInt64(read.checksum) else {
            throw .damaged(
                path: path,
                problem: "its attributes were altered: their checksum is \(read.checksum), recorded is \(recorded)")
        }
    }

    /// Whether there is such an attribute.
    func has(_ name: String) throws(StreamError) -> Bool {
        let found = H5Aexists(file, name)
        try HDF5.check(found, path, "look for the attribute \(name)")
        return found > 0
    }

    /// The only attribute that is written later.
    ///
    /// 0 or 1; anything else is damage.
    func isComplete() throws(StreamError) -> Bool {
        var value: UInt64 = 0
        try number("complete", distillery_h5_native_uint64(), &value)
        guard value <= 1 else { throw .damaged(path: path, problem: "attribute complete is \(value), expected 0 or 1") }
        return value == 1
    }

    /// Throws for a text of variable length, a long one, and one that is not UTF-8.
    mutating func text(_ name: String) throws(StreamError) -> String {
        let attribute = try open(name)
        let type = try HDF5Identifier(H5Aget_type(attribute.raw), closing: H5Tclose, path, "read \(name)")
        let size = H5Tget_size(type.raw)
        guard H5Tget_class(type.raw) == H5T_STRING, H5Tis_variable_str(type.raw) == 0,
            size <= AttributeReader.longestText
        else { throw .damaged(path: path, problem: "attribute \(name) should be a text of fixed length") }
        var bytes = [UInt8](repeating: 0, count: max(size, 1))
        try HDF5.check(H5Aread(attribute.raw, type.raw, &bytes), path, "read the attribute \(name)")
        guard let text = String(validating: bytes.prefix { $0 != 0 }, as: UTF8.self) else {
            throw .damaged(path: path, problem: "attribute \(name) is not UTF-8")
        }
        read.note(name, text)
        return text
    }

    /// Throws for a text that is no space, with the reason.
    mutating func space(_ name: String) throws(StreamError) -> Space {
        let text = try text(name)
        do { return try Space(json: text) } catch {
            throw .damaged(path: path, problem: "attribute \(name): \(error)")
        }
    }

    /// `range` is told in the error.
    mutating func integer(_ name: String, _ range: ClosedRange<Int64>) throws(StreamError) -> Int64 {
        var value: Int64 = 0
        try number(name, distillery_h5_native_int64(), &value)
        guard range.contains(value) else {
            throw .damaged(path: path, problem: "attribute \(name) is \(value), expected \(range)")
        }
        read.note(name, "\(value)")
        return value
    }

    /// Any 64 bits.
    mutating func unsigned(_ name: String) throws(StreamError) -> UInt64 {
        var value: UInt64 = 0
        try number(name, distillery_h5_native_uint64(), &value)
        read.note(name, "\(value)")
        return value
    }

    /// The library converts between sizes and signs of integers.
    private func number(_ name: String, _ memory: hid_t, _ value: UnsafeMutableRawPointer) throws(StreamError) {
        let attribute = try open(name)
        let type = try HDF5Identifier(H5Aget_type(attribute.raw), closing: H5Tclose, path, "read \(name)")
        guard H5Tget_class(type.raw) == H5T_INTEGER else {
            throw .damaged(path: path, problem: "attribute \(name) should be an integer")
        }
        try HDF5.check(H5Aread(attribute.raw, memory, value), path, "read the attribute \(name)")
    }

    /// The attribute, which must be a single value.
    ///
    /// Throws for lists of values.
    private func open(_ name: String) throws(StreamError) -> HDF5Identifier {
        let raw = H5Aopen(file, name, 0)
        if raw < 0 {
            _ = HDF5.failure(path, "")
            throw .damaged(path: path, problem: "attribute \(name) is missing or unreadable")
        }
        let attribute = try HDF5Identifier(raw, closing: H5Aclose, path, "read \(name)")
        let space = try HDF5Identifier(H5Aget_space(raw), closing: H5Sclose, path, "read \(name)")
        guard H5Sget_simple_extent_npoints(space.raw) == 1 else {
            throw .damaged(path: path, problem: "attribute \(name) should be one value")
        }
        return attribute
    }
}
