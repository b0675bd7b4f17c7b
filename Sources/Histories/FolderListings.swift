import Files
import Glibc

/// The names in folders, kept between looks: a folder in which no name has come or gone is not listed again. So a look
/// at ten thousand folders, few of them changed, costs a `stat` of each.
package struct FolderListings: Sendable {
    /// A name in a folder; those that begin with a dot are none.
    struct Entry: Sendable {
        let name: String
        var isFolder: Bool
        /// What it leads to may come and go without a change of the folder that it is in.
        var isLink = false
    }

    private var known: [String: (stamp: FileStamp, entries: [Entry])] = [:]

    package init() {}

    /// What is in a folder, in any order; nothing where it is gone. Throws where it cannot be listed.
    mutating func entries(of folder: String) throws(StreamError) -> [Entry] {
        // Taken before the names are read: what comes in between is seen the next time.
        guard let stamp = FileStamp(path: folder) else { return [] }
        if let (earlier, entries) = known[folder], stamp.provesUnchanged(since: earlier) {
            return entries.map { entry in
                guard entry.isLink else { return entry }
                return Entry(name: entry.name, isFolder: Folder.isFolder("\(folder)/\(entry.name)"), isLink: true)
            }
        }
        guard let listing = opendir(folder) else { throw systemFailure(folder, "list the folder") }
        defer { closedir(listing) }
        var entries: [Entry] = []
        while let entry = readdir(listing) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name.hasPrefix(".") { continue }
            let isFolder =
                switch Int(entry.pointee.d_type) {
                case DT_DIR: true
                case DT_REG: false
                default: Folder.isFolder("\(folder)/\(name)")
                }
            entries.append(Entry(name: name, isFolder: isFolder, isLink: Int(entry.pointee.d_type) == DT_LNK))
        }
        known[folder] = (stamp, entries)
        return entries
    }
}
