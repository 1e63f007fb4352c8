private import SystemCalls
