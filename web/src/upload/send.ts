import { ApiError } from "../platform/api";
import { t } from "../i18n";

interface PresignedForm {
  url: string;
  fields: Record<string, string>;
}

/**
 * Sends a file straight to storage with its presigned form. XMLHttpRequest, because fetch does not tell how far it is.
 *
 * @param onProgress told a share of 1.
 * @throws ApiError when storage refuses or cannot be reached; an AbortError when `signal` says so.
 */
export function sendToStorage(
  form: PresignedForm,
  file: Blob,
  onProgress: (share: number) => void,
  signal: AbortSignal,
): Promise<void> {
  const body = new FormData();
  for (const [name, value] of Object.entries(form.fields)) body.append(name, value);
  body.append("file", file);
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", form.url);
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) onProgress(event.loaded / event.total);
    });
    request.addEventListener("load", () =>
      request.status < 300 ? resolve() : reject(new ApiError(t("upload.refused"), request.status)),
    );
    request.addEventListener("error", () => reject(new ApiError(t("error.offline"), 0)));
    request.addEventListener("abort", () => reject(new DOMException("stopped", "AbortError")));
    signal.addEventListener("abort", () => request.abort(), { once: true });
    request.send(body);
  });
}
