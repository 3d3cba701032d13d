// The HTTP contract, as functions. Every failure is an ApiError whose message can be shown to people.

import { accessToken } from "./auth.js";

const OFFLINE = "Collections cannot be reached. Check your connection and try again.";

export class ApiError extends Error {
  constructor(message, status = 0) {
    super(message);
    this.status = status;
  }
}

export const listItems = (cursor, limit = 40) =>
  call(`/items?${new URLSearchParams({ limit, ...(cursor && { cursor }) })}`);
export const getItem = (id) => call(`/items/${encodeURIComponent(id)}`);
export const deleteItem = (id) => call(`/items/${encodeURIComponent(id)}`, { method: "DELETE" });
export const search = (body, signal) => call("/search", { method: "POST", body, signal });

export async function prepareUpload(file) {
  const { uploads } = await call("/uploads", { method: "POST", body: { files: [file] } });
  return uploads[0];
}

/** Sends a file straight to storage with its presigned form. XHR, because fetch does not tell how far it is. */
export function sendToStorage({ url, fields }, file, onProgress) {
  return new Promise((resolve, reject) => {
    const form = new FormData();
    for (const [name, value] of Object.entries(fields)) form.append(name, value);
    form.append("file", file);
    const request = new XMLHttpRequest();
    request.open("POST", url);
    request.upload.addEventListener("progress", (event) => event.lengthComputable && onProgress(event.loaded / event.total));
    request.addEventListener("load", () => request.status < 300 ? resolve() : reject(new ApiError(
      request.responseText.includes("EntityTooLarge") ? "The file is too large. Save a smaller copy and add that."
        : "Storage did not take the file. Try again.", request.status)));
    request.addEventListener("error", () => reject(new ApiError(OFFLINE)));
    request.send(form);
  });
}

async function call(path, { method = "GET", body, signal } = {}) {
  const request = async (token) => fetch(`/api${path}`, {
    method, signal,
    headers: { Authorization: `Bearer ${token}`, ...(body && { "Content-Type": "application/json" }) },
    body: body && JSON.stringify(body),
  }).catch((error) => { throw error.name === "AbortError" ? error : new ApiError(OFFLINE); });
  let response = await request(await accessToken());
  if (response.status === 401) response = await request(await accessToken({ fresh: true }));
  if (!response.ok) throw await asError(response);
  return response.status === 204 ? null : response.json();
}

async function asError(response) {
  const problem = await response.json().catch(() => ({}));
  const wait = Number(response.headers.get("Retry-After"));
  const detail = problem.errors?.[0]?.msg ?? problem.detail ?? `Something went wrong (${response.status}).`;
  return new ApiError(wait ? `${detail} Try again in ${wait} s.` : detail, response.status);
}
