import Environments
import Glibc

extension StreamWriter {
    /// Starts a new stream. The file appears under its name only when it is whole, so a reader never sees half of one.
    /// Folders on the way are made. Throws where there is a file already.
    package static func create(at path: String, metadata: StreamMetadata) throws(StreamError) -> StreamWriter {
        if fileSize(path) != nil {
            throw .inputOutput(path: path, operation: "create the stream", message: "the file exists", code: EEXIST)
        }
        try makeFolders(of: path)
        let temporary = path + ".creating"
        try HDF5.locked { () throws(StreamError) in
            let file = try StreamFile.create(temporary, metadata: metadata, counts: nil)
            try file.close()
        }
        try replaceFile(temporary, path)
        return StreamWriter(path: path, metadata: metadata, position: StreamPosition(), folderIsDurable: false)
    }
}
