//! Memory of a device, and what comes and goes between it and the host.

/// Memory on a device: of f32 unless it is said otherwise. Work is done in the order in which it is asked for.
pub trait Storage: Clone + Send + Sync + 'static {
    type Buffer: Send;
    /// Host values on their way to the device.
    type Staged: Send;

    /// Memory of `len` zeros.
    fn zeros(&self, len: usize) -> Self::Buffer;
    /// Memory of zeros for activations or gradients of these, of which a device may keep fewer bits: what is put into
    /// it is rounded.
    fn activations(&self, len: usize) -> Self::Buffer {
        self.zeros(len)
    }
    /// Values that a buffer has room for.
    fn len(&self, buffer: &Self::Buffer) -> usize;
    /// Copies host values to the start of a buffer.
    fn upload(&self, values: &[f32], buffer: &mut Self::Buffer);
    /// Copies values that are made for it to the start of a buffer. Kernels that compute nothing do not ask for them.
    fn initialise(&self, values: impl FnOnce() -> Vec<f32>, buffer: &mut Self::Buffer) {
        self.upload(&values(), buffer);
    }
    /// The first `len` values, once all work before is done.
    fn download(&self, buffer: &Self::Buffer, len: usize) -> Vec<f32>;
    /// The activations `[rows, width]` at the start of a buffer, row by row.
    fn download_rows(&self, buffer: &Self::Buffer, rows: usize, width: usize) -> Vec<f32>;

    /// Sends values off, while the device works on what it was asked for before. May be called from any thread.
    fn stage(&self, values: Vec<f32>) -> Self::Staged;
    /// Values sent off.
    fn staged_len(&self, staged: &Self::Staged) -> usize;
    /// Puts values that were sent off at the start of a buffer.
    fn place(&self, staged: Self::Staged, buffer: &mut Self::Buffer);
    /// Puts rows of `width` values that were sent off at the start of a buffer, as activations.
    fn place_rows(&self, staged: Self::Staged, width: usize, buffer: &mut Self::Buffer);

    /// Steps that may be asked for before anything of the first is read back: reading waits for the device. 1 where
    /// calls return with their work done.
    fn steps_ahead(&self) -> usize;
}
