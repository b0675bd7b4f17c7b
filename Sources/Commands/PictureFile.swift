import Files
import Foundation
import Nodes
import Pictures

/// Where a command writes an episode in pictures: a contact sheet or a moving picture, by the end of the name.
struct PictureFile {
    private enum Format: String, CaseIterable {
        case png, gif

        /// What a file of this format begins with.
        var signature: [UInt8] {
            switch self {
            case .png: [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]
            case .gif: Array("GIF8".utf8)
            }
        }

        /// Any file of the format is taken for an earlier one.
        var content: OutputFile.Content {
            OutputFile.Content(
                name: "the format \(rawValue.uppercased())", format: rawValue.uppercased(),
                example: "episode.\(rawValue)"
            ) { path in
                let file = FileHandle(forReadingAtPath: path)
                defer { try? file?.close() }
                return (try? file?.read(upToCount: signature.count)).map { $0.elementsEqual(signature) } ?? false
            }
        }
    }

    private let format: Format
    private let file: OutputFile

    /// Throws `ClusterError` for a name that ends otherwise than in .png or .gif, and as `OutputFile` does.
    init(_ path: String, option: String, inputs: [String], force: Bool) throws {
        let ending = URL(fileURLWithPath: path).pathExtension.lowercased()
        guard let format = path == "-" ? .png : Format(rawValue: ending) else {
            throw ClusterError("\(option) \(path): expected a name that ends in .png or .gif")
        }
        self.format = format
        file = try OutputFile(path, option: option, content: format.content, inputs: inputs, force: force)
    }

    /// Says on standard error what was written. Throws `PictureError` and `FileError`.
    func write(_ pictures: EpisodePictures) throws {
        let bytes =
            switch format {
            case .png: try pictures.sheet().png()
            case .gif: try pictures.movingPicture()
            }
        try AtomicFile.write(bytes, to: file.path)
        printError("wrote \(file.path), \(bytes.count) bytes")
    }
}
