/// One field of a protocol buffer as it stands on the wire, whatever it means.
struct WireField {
    enum Value {
        case varint(UInt64)
        case fixed64(UInt64)
        case bytes([UInt8])
        case fixed32(UInt32)
    }

    var number: UInt64
    var value: Value

    /// Nil where the bytes are not a sequence of fields.
    static func parse(_ bytes: [UInt8]) -> [WireField]? {
        var fields: [WireField] = []
        var position = 0
        while position < bytes.count {
            guard let tag = varint(bytes, &position), tag >> 3 != 0 else { return nil }
            let value: Value
            switch tag & 7 {
            case 0:
                guard let number = varint(bytes, &position) else { return nil }
                value = .varint(number)
            case 1:
                guard position + 8 <= bytes.count else { return nil }
                value = .fixed64(little(bytes[position..<(position + 8)]))
                position += 8
            case 2:
                guard let length = varint(bytes, &position), length <= UInt64(bytes.count - position) else {
                    return nil
                }
                value = .bytes(Array(bytes[position..<(position + Int(length))]))
                position += Int(length)
            case 5:
                guard position + 4 <= bytes.count else { return nil }
                value = .fixed32(UInt32(truncatingIfNeeded: little(bytes[position..<(position + 4)])))
                position += 4
            default: return nil
            }
            fields.append(WireField(number: tag >> 3, value: value))
        }
        return fields
    }

    static func encode(_ fields: [WireField]) -> [UInt8] {
        var bytes: [UInt8] = []
        for field in fields {
            switch field.value {
            case .varint(let number):
                append(field.number << 3, to: &bytes)
                append(number, to: &bytes)
            case .fixed64(let number):
                append(field.number << 3 | 1, to: &bytes)
                for shift in 0..<8 { bytes.append(UInt8(truncatingIfNeeded: number >> UInt64(8 * shift))) }
            case .bytes(let content):
                append(field.number << 3 | 2, to: &bytes)
                append(UInt64(content.count), to: &bytes)
                bytes += content
            case .fixed32(let number):
                append(field.number << 3 | 5, to: &bytes)
                for shift in 0..<4 { bytes.append(UInt8(truncatingIfNeeded: number >> UInt32(8 * shift))) }
            }
        }
        return bytes
    }

    private static func varint(_ bytes: [UInt8], _ position: inout Int) -> UInt64? {
        var number: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 64, by: 7) {
            guard position < bytes.count else { return nil }
            let byte = bytes[position]
            position += 1
            number |= UInt64(byte & 0x7f) << shift
            if byte & 0x80 == 0 { return number }
        }
        return nil
    }

    private static func append(_ number: UInt64, to bytes: inout [UInt8]) {
        var rest = number
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    private static func little(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
}
