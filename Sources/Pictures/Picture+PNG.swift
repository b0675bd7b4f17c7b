import CPNG

extension Picture {
    /// The picture as a PNG file, by libpng. Throws `PictureError` where that fails, for lack of memory for instance.
    package func png() throws(PictureError) -> [UInt8] {
        var image = png_image()
        image.version = UInt32(PNG_IMAGE_VERSION)
        image.width = UInt32(width)
        image.height = UInt32(height)
        image.format = UInt32(PNG_FORMAT_RGB)
        // Noise, which cannot be compressed, grows by less than an eighth, and by the file's head.
        let room = pixels.count + pixels.count / 8 + height + 4096
        var succeeded: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: room) { memory, count in
            var size = png_alloc_size_t(room)
            succeeded = png_image_write_to_memory(&image, memory.baseAddress, &size, 0, pixels, 0, nil)
            count = succeeded != 0 ? Int(size) : 0
        }
        guard succeeded != 0 else { throw PictureError("libpng: \(Self.message(of: image))") }
        return bytes
    }

    private static func message(of image: png_image) -> String {
        withUnsafeBytes(of: image.message) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
}
