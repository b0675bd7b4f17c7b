import Foundation

/// What somebody does to a stream's file behind the recorder's back.
package enum Vandalism: String, CaseIterable, Sendable {
    case cut, emptied, overwritten, flipped, replaced, madeAFolder, deleted

    package func commit(_ path: String) throws {
        let url = URL(filePath: path)
        let bytes = try Data(contentsOf: url)
        switch self {
        case .cut: try FileHandle(forUpdating: url).truncate(atOffset: UInt64(bytes.count / 3))
        case .emptied: try FileHandle(forUpdating: url).truncate(atOffset: 0)
        case .overwritten: try inPlace(url, Data(repeating: 0x41, count: bytes.count))
        case .flipped: try inPlace(url, Data(bytes.enumerated().map { $0 % 64 == 7 && $0 > 2000 ? $1 ^ 4 : $1 }))
        case .replaced:
            try FileManager.default.removeItem(at: url)
            try Data("This was a stream.".utf8).write(to: url)
        case .madeAFolder:
            try FileManager.default.removeItem(at: url)
            try FileManager.default.createDirectory(at: url, withIntermediateDirectories: false)
        case .deleted: try FileManager.default.removeItem(at: url)
        }
    }

    /// Without a new file under the name.
    private func inPlace(_ url: URL, _ bytes: Data) throws {
        let handle = try FileHandle(forUpdating: url)
        try handle.write(contentsOf: bytes)
        try handle.close()
    }
}
