import CWire

/// One counter, measure or setting of a message that holds numbers by their names.
///
/// Counters differ from role to role and come and go; as named numbers they need no field in the .proto.
struct NamedNumber {
    /// Short, as `Field.shortText` has it.
    let name: String
    /// Finite.
    let value: Double
}

extension NamedNumber: WireValue {
    static var initialiser: (UnsafeMutablePointer<Distillery__NamedNumber>?) -> Void {
        distillery__named_number__init
    }

    func encode(into body: inout Distillery__NamedNumber, _ arena: EncodingArena) {
        body.name = arena.string(name)
        body.value = value
    }

    /// A receiver that does not know the name keeps the number all the same: it is shown under that name.
    init(decoding body: Distillery__NamedNumber) throws {
        name = try Field.shortText(body.name, "number's name")
        value = try Field.finite(body.value, "number")
    }
}
