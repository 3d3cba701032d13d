/** The cache in which the service worker lays down what another app shared, until somebody takes it. */
declare const SHARED_CACHE: string;
