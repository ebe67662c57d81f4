"""Object stores: memory, a folder, the clouds; all under the suite of `madang.testing.objects`."""
