import { en, type Catalogue } from "./en";

/** One more language is one more catalogue of this type; the browser's languages choose. */
const catalogues: Record<string, Catalogue> = { en };

const language = navigator.languages.map((tag) => tag.split("-")[0] ?? "").find((tag) => tag in catalogues) ?? "en";
const catalogue = catalogues[language] ?? en;
const plurals = new Intl.PluralRules(language);
const numbers = new Intl.NumberFormat(language);

export type Key = keyof Catalogue;

/** Whether there is a text for what the server named. */
export const isKey = (name: string): name is Key => name in en;

type Values = Record<string, string | number>;

/**
 * The text of a key. `{name}` is replaced by a value, numbers as the language writes them; a text with plural forms is
 * an object, chosen by `count`.
 */
export function t(key: Key, values: Values = {}): string {
  const entry = catalogue[key];
  const text = typeof entry === "string" ? entry : form(entry, Number(values["count"]));
  return text.replace(/\{(\w+)\}/g, (_, name: string) => shown(values[name]));
}

function form(forms: { one: string; other: string }, count: number): string {
  return plurals.select(count) === "one" ? forms.one : forms.other;
}

function shown(value: string | number | undefined): string {
  return typeof value === "number" ? numbers.format(value) : (value ?? "");
}

const day = new Intl.DateTimeFormat(language, { dateStyle: "medium" });
const moment = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });

export const asDay = (iso: string): string => day.format(new Date(iso));
export const asMoment = (iso: string): string => moment.format(new Date(iso));
export const asNumber = (value: number): string => numbers.format(value);

const dollars = new Intl.NumberFormat(language, { style: "currency", currency: "USD", maximumFractionDigits: 2 });
export const asDollars = (value: number): string => dollars.format(value);

/** Bytes as people say them: `3.4 MB`. */
export function asSize(bytes: number): string {
  const unit = bytes < 1e6 ? "kilobyte" : bytes < 1e9 ? "megabyte" : "gigabyte";
  const scale = { kilobyte: 1e3, megabyte: 1e6, gigabyte: 1e9 }[unit];
  return new Intl.NumberFormat(language, { style: "unit", unit, maximumFractionDigits: 1 }).format(bytes / scale);
}

document.documentElement.lang = language;
