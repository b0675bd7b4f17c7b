import CPNG
package import Pictures

extension Picture {
    /// A PNG file of any kind, its transparent parts over black. Throws `PictureError` for what is none.
    package init(png: [UInt8]) throws(PictureError) {
        var image = png_image()
        // The library keeps both addresses from the first call to the last.
        let read = withUnsafeMutablePointer(to: &image) { image in png.withUnsafeBytes { Self.read($0, image) } }
        guard let read else {
            throw PictureError(
                withUnsafeBytes(of: image.message) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) })
        }
        self = read
    }

    private static func read(_ bytes: UnsafeRawBufferPointer, _ image: UnsafeMutablePointer<png_image>) -> Picture? {
        image.pointee.version = UInt32(PNG_IMAGE_VERSION)
        guard png_image_begin_read_from_memory(image, bytes.baseAddress, bytes.count) != 0 else { return nil }
        defer { png_image_free(image) }
        image.pointee.format = UInt32(PNG_FORMAT_RGB)
        let (width, height) = (Int(image.pointee.width), Int(image.pointee.height))
        var pixels = [UInt8](repeating: 0, count: 3 * width * height)
        var black = png_color()
        guard png_image_finish_read(image, &black, &pixels, 0, nil) != 0 else { return nil }
        return Picture(width: width, height: height, pixels: pixels)
    }
}
