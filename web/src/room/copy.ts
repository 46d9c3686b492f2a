// copyText puts text on the clipboard and tells whether that worked. Pages that
// weren't opened securely have no clipboard.
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
